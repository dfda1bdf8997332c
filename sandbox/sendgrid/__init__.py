"""A simulated SendGrid account."""
