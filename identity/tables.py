"""Where the tables of the identity graph are, and one way to ask them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from warehouse.base import Relation, Warehouse
from warehouse.errors import ConfigError
from warehouse.manifest import Manifest
from warehouse.sql import statement

#: What the commands read. All of them are models of ``models/identity``.
NAMES = (
    "identity_aliases",
    "identity_blocked",
    "identity_changes",
    "identity_edges",
    "identity_labels",
    "identity_map",
    "identity_nodes",
    "identity_overrides",
    "identity_pairs",
    "identity_refusals",
    "identity_rules",
    "identity_shared",
)


def locate(manifest: Manifest) -> dict[str, Relation]:
    """Return where each of the tables is.

    Raises:
        ConfigError: The project lacks one of the models.
    """
    found = {name: node.relation for name in NAMES if (node := manifest.model(name)) is not None}
    missing = [name for name in NAMES if name not in found]
    if missing:
        raise ConfigError(
            f"The project has no model {missing[0]!r}, which this command reads.", where="models/", fix="Restore it."
        )
    return found


class Tables:
    """The identity tables of one warehouse.

    Args:
        warehouse: An open connection.
        relations: Where each table is.

    Raises:
        ConfigError: They have not been built yet.
    """

    def __init__(self, warehouse: Warehouse, relations: Mapping[str, Relation]) -> None:
        self.warehouse = warehouse
        self._relations = relations
        overrides = relations["identity_overrides"]
        if not warehouse.columns(overrides):
            raise ConfigError(
                "The identity models have not been built here yet.", where=str(overrides), fix="Run `dbt build` first."
            )

    def ask(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        """Run a query, for an answer about few people."""
        return self.warehouse.query(statement(sql, self._relations, **values))

    def tuples(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """Run a query, for many rows of one person."""
        return self.warehouse.tuples(statement(sql, self._relations, **values))

    def run(self, sql: str, **values: Any) -> int:
        """Run a statement and return the number of rows that it changed."""
        return self.warehouse.execute(statement(sql, self._relations, **values))

    def has_column(self, table: str, column: str) -> bool:
        """Tell whether a table has a column: one that an earlier version built may lack it until the next dbt run."""
        return any(found.name == column for found in self.warehouse.columns(self._relations[table]))
