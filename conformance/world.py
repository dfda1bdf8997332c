"""A small world to sync from: a feed, consents and suppressions in a warehouse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from reverse_etl.definitions import SyncDefinition
from warehouse.base import Relation, Warehouse

AS_OF = datetime(2026, 7, 1)  # noqa: DTZ001 (UTC without a zone, as the warehouse keeps it)
PURPOSE = "email_marketing"

_KINDS = {bool: "boolean", int: "bigint", float: "double", datetime: "timestamp"}


@dataclass
class World:
    """The world.

    Attributes:
        warehouse: Where it is loaded to.
        people: Profile id to a row of the feed.
        granted: Who has consented.
        suppressed: Types and values of identifiers that no sync may send.
        columns: The feed's columns.
        changes: Who turned out to be whom: batch, profile before, profile now, kind.
        schema: Where its tables are.
    """

    warehouse: Warehouse
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    granted: set[str] = field(default_factory=set)
    suppressed: list[tuple[str, str]] = field(default_factory=list)
    columns: tuple[str, ...] = ()
    changes: list[tuple[int, str, str, str]] = field(default_factory=list)
    schema: str = "weft_shop"

    def relation(self, name: str) -> Relation:
        """Return where one of the world's tables is."""
        return Relation(self.schema, name, self.warehouse.database)

    def prepare(self) -> None:
        """Make the schema of its tables."""
        place = self.relation("feed")
        name = f"{place.database}.{place.schema}" if place.database else place.schema
        self.warehouse.execute(f"create schema if not exists {name}")

    def merge(self, loser: str, survivor: str) -> None:
        """Let two people turn out to be one: the row of the loser leaves the feed, as stitching makes it."""
        del self.people[loser]
        self.note(loser, survivor, "merge")

    def note(self, before: str, now: str, kind: str) -> None:
        """Write down that a person turned out to be another."""
        self.changes.append((len(self.changes) + 1, before, now, kind))

    def load(self) -> None:
        """Write the world to the warehouse, as a dbt run does."""
        feed = [(person, *(row.get(column) for column in self.columns)) for person, row in self.people.items()]
        self._table("feed", {"profile_id": "varchar"} | {column: self.kind(column) for column in self.columns}, feed)
        consents = [(person, PURPOSE, "granted" if person in self.granted else "denied") for person in self.people]
        self._table("profile_consents", dict.fromkeys(("profile_id", "purpose", "status"), "varchar"), consents)
        names = dict.fromkeys(("identifier_type", "identifier_value"), "varchar")
        self._table("suppressions", names, self.suppressed)
        columns = {
            "batch": "bigint",
            **dict.fromkeys(("profile_id_from", "profile_id_into", "kind"), "varchar"),
            "count_identifiers": "bigint",
            "changed_at": "timestamp",
        }
        self._table("identity_changes", columns, [(*change, 1, AS_OF) for change in self.changes])

    def kind(self, column: str) -> str:
        """Return the type of a column: that of the first value in it."""
        values = (row.get(column) for row in self.people.values())
        return _KINDS.get(type(next((value for value in values if value is not None), "")), "varchar")

    def _table(self, name: str, columns: Mapping[str, str], rows: Iterable[tuple[Any, ...]]) -> None:
        relation = self.relation(name)
        named = {"timestamp": "timestamp_ntz"} if self.warehouse.dialect == "snowflake" else {}
        typed = ", ".join(f"{column} {named.get(kind, kind)}" for column, kind in columns.items())
        self.warehouse.execute(f"create or replace table {relation} ({typed})")
        self.warehouse.insert(relation, list(columns), rows)

    def sync(self, **changes: Any) -> SyncDefinition:
        """Return a sync of the feed."""
        settings: dict[str, Any] = {
            "name": "shop_contacts",
            "label": "Shop contacts",
            "where": "models/syncs/shop.yml, exposure shop_contacts",
            "feed": self.relation("feed"),
            "feed_name": "sync_shop",
            "connection": "memory",
            "destination": "memory",
            "object": "contact",
            "mode": "mirror",
            "key": "email",
            "purpose": PURPOSE,
            "consents": self.relation("profile_consents"),
            "suppressions": self.relation("suppressions"),
            "changes": self.relation("identity_changes"),
        }
        return SyncDefinition(**settings | changes)

    def wanted(self) -> list[dict[str, Any]]:
        """Return the rows that may be sent: of those who consented and are not suppressed."""
        forbidden = set(self.suppressed)
        return [
            {column: row.get(column) for column in self.columns}
            for person, row in self.people.items()
            if person in self.granted
            and ("profile_id", person) not in forbidden
            and ("email", row.get("email")) not in forbidden
        ]

    def engine(self, table: str) -> list[dict[str, Any]]:
        """Return the rows of one of the engine's tables."""
        return self.warehouse.query(
            f"select * from {Relation(self.warehouse.engine_schema, table, self.warehouse.database)}"
        )
