"""A simulated ad account of LinkedIn."""
