"""What commands import that tests start, imported once: see ``commands.py``."""

import gc
import importlib
from contextlib import suppress

for module in (
    *("dbt.cli.main", "dbt.adapters.duckdb", "dbt.adapters.snowflake", "dbt.task.build"),
    *("weft.__main__", "splink"),
):
    with suppress(ImportError):  # Splink is an extra
        importlib.import_module(module)

# What is imported stays: no process that is forked from here has to look through it for garbage.
gc.freeze()
