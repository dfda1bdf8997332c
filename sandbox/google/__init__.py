"""A simulated account of Google Ads behind the Data Manager API."""
