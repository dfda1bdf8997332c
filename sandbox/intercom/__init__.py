"""A simulated Intercom workspace."""
