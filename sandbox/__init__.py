"""Simulators of the vendors' APIs, for demos and tests. The product never imports this package."""
