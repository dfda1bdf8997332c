"""A simulated TikTok account."""
