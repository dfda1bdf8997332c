"""Google Data Manager."""
