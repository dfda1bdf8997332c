"""A small world to sync from: a feed, consents and suppressions in a warehouse, and an account to deliver to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from reverse_etl.clock import Clock
from reverse_etl.definitions import SyncDefinition
from reverse_etl.engine import plan_sync, run_sync
from reverse_etl.report import Plan, RunReport
from reverse_etl.seal import Seal
from tests.engine.account import Account, Line, Memory
from warehouse.base import Relation, Warehouse

AS_OF = datetime(2026, 7, 1)  # UTC without a zone, as the warehouse keeps it
PURPOSE = "email_marketing"


class StoppedClock(Clock):
    """A clock that moves only when somebody waits."""

    def __init__(self) -> None:
        self.moment = AS_OF

    def now(self) -> datetime:
        """Return the moment, one second later every time."""
        self.moment += timedelta(seconds=1)
        return self.moment

    def elapsed(self) -> float:
        """Return seconds since midnight."""
        return (self.moment - AS_OF).total_seconds()

    def sleep(self, seconds: float) -> None:
        """Move on at once."""
        self.moment += timedelta(seconds=seconds)


@dataclass
class Shop:
    """The world."""

    warehouse: Warehouse
    account: Account = field(default_factory=Account)
    clock: StoppedClock = field(default_factory=StoppedClock)
    #: profile_id -> a row of the feed
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    granted: set[str] = field(default_factory=set)
    suppressed: list[tuple[str, str]] = field(default_factory=list)
    columns: tuple[str, ...] = ("email", "phone", "first_name", "orders")
    #: batch, profile before, profile now, kind
    changes: list[tuple[int, str, str, str]] = field(default_factory=list)

    def relation(self, name: str) -> Relation:
        """Return where one of the world's tables is."""
        return Relation("weft_shop", name, self.warehouse.database)

    def add(self, *names: str) -> None:
        """Let people into the feed, with their consent."""
        for name in names:
            self.people[name] = {
                "email": f"{name}@example.com",
                "phone": None,
                "first_name": name.title(),
                "orders": 1,
            }
            self.granted.add(name)

    def merge(self, loser: str, survivor: str) -> None:
        """Let two people turn out to be one: the row of the loser leaves the feed, as stitching makes it."""
        del self.people[loser]
        self._note(loser, survivor, "merge")

    def split(self, person: str, newcomer: str) -> None:
        """Let a person turn out to be two: the newcomer gets a row of its own, without any consent yet."""
        self.people[newcomer] = self.people[person] | {"email": f"{newcomer}@example.com"}
        self._note(person, newcomer, "split")

    def _note(self, before: str, now: str, kind: str) -> None:
        self.changes.append((len(self.changes) + 1, before, now, kind))

    def load(self) -> None:
        """Write the world to the warehouse, as a dbt run does."""
        self._table("feed", ["profile_id", *self.columns], self._feed_rows())
        consents = [(person, PURPOSE, "granted" if person in self.granted else "denied") for person in self.people]
        self._table("profile_consents", ["profile_id", "purpose", "status"], consents)
        self._table("suppressions", ["identifier_type", "identifier_value"], self.suppressed)
        names = ["batch", "profile_id_from", "profile_id_into", "kind", "count_identifiers", "changed_at"]
        self._table("identity_changes", names, [(*change, 1, AS_OF) for change in self.changes])

    def _feed_rows(self) -> list[tuple[Any, ...]]:
        return [(person, *(row.get(column) for column in self.columns)) for person, row in self.people.items()]

    def _table(self, name: str, columns: list[str], rows: Iterable[tuple[Any, ...]]) -> None:
        relation = self.relation(name)
        kinds = {"orders": "bigint", "batch": "bigint", "count_identifiers": "bigint", "changed_at": "timestamp_ntz"}
        if self.warehouse.dialect == "duckdb":
            kinds["changed_at"] = "timestamp"
        typed = ", ".join(f"{column} {kinds.get(column, 'varchar')}" for column in columns)
        self.warehouse.execute(f"create or replace table {relation} ({typed})")
        self.warehouse.insert(relation, columns, rows)

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

    def run(
        self,
        *,
        load: bool = True,
        allow: frozenset[str] = frozenset(),
        resync: bool = False,
        expect: Seal | None = None,
        **changes: Any,
    ) -> RunReport:
        """Load the world and run the sync."""
        if load:
            self.load()
        lines: Any = {"memory": Line(self.account)}
        return run_sync(
            self.warehouse,
            self.sync(**changes),
            lines,
            AS_OF,
            allow=allow,
            clock=self.clock,
            resync=resync,
            expect=expect,
        )

    def plan(self, *, resync: bool = False, **changes: Any) -> Plan:
        """Load the world and plan the sync."""
        self.load()
        return plan_sync(self.warehouse, self.sync(**changes), Memory, AS_OF, clock=self.clock, resync=resync)

    def eligible(self) -> dict[str, dict[str, Any]]:
        """Return what the destination should hold."""
        forbidden = set(self.suppressed)
        return {
            row["email"]: {column: row.get(column) for column in self.columns}
            for person, row in self.people.items()
            if person in self.granted
            and ("profile_id", person) not in forbidden
            and ("email", row["email"]) not in forbidden
        }

    def engine(self, table: str) -> list[dict[str, Any]]:
        """Return the rows of one of the engine's tables."""
        return self.warehouse.query(
            f"select * from {Relation(self.warehouse.engine_schema, table, self.warehouse.database)}"
        )
