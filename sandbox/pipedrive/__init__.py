"""A simulated Pipedrive company."""
