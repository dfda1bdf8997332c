"""What everything in Python stands on: warehouse connections, the dbt manifest, and SQL built with sqlglot."""
