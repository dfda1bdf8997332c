"""The ``weft`` command line, one module per group of commands."""
