"""One module per destination; the registry finds them by name."""
