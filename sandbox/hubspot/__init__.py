"""A simulated HubSpot account."""
