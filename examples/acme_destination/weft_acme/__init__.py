"""Acme Mail as a destination of weft, with a simulator of it."""
