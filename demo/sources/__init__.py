"""One module per system: turns what happened into the rows that its load tool would write."""
