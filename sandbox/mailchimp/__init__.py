"""A simulated Mailchimp account."""
