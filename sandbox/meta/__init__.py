"""A simulated Meta account."""
