"""What authenticates the calls to an account: lasting keys, and tokens that are renewed."""
