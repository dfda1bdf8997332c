"""A simulated Klaviyo account."""
