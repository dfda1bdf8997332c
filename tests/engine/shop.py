"""A small world to sync from, and an account in memory to deliver to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from conformance.world import AS_OF as AS_OF
from conformance.world import PURPOSE as PURPOSE
from conformance.world import World
from reverse_etl.clock import Clock
from reverse_etl.engine import plan_sync, run_sync
from reverse_etl.report import Plan, RunReport
from reverse_etl.seal import Seal
from tests.engine.account import Account, Line, Memory


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
class Shop(World):
    """The world, with an account in memory."""

    account: Account = field(default_factory=Account)
    clock: StoppedClock = field(default_factory=StoppedClock)
    columns: tuple[str, ...] = ("email", "phone", "first_name", "orders")

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

    def split(self, person: str, newcomer: str) -> None:
        """Let a person turn out to be two: the newcomer gets a row of its own, without any consent yet."""
        self.people[newcomer] = self.people[person] | {"email": f"{newcomer}@example.com"}
        self.note(person, newcomer, "split")

    def kind(self, column: str) -> str:
        """Return the type of a column, whatever is in it."""
        return "bigint" if column == "orders" else "varchar"

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
        return {row["email"]: row for row in self.wanted()}
