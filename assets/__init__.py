"""The Dagster code location: every model, sync and settle step as an asset."""
