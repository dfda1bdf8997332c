"""A table of one's own, in PostgreSQL, Snowflake or DuckDB."""
