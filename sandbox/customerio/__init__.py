"""A simulated Customer.io workspace."""
