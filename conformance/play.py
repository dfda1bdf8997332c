"""A case being played: its world, its account, and the engine between them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

from pydantic import SecretStr

from conformance.case import Case, Stage, Values
from conformance.world import AS_OF, World
from reverse_etl.clock import Clock
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations import registry
from reverse_etl.destinations.base import Delivery, Destination, ObjectSpec, Settings
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.engine import run_sync
from reverse_etl.errors import AmbiguousCall
from reverse_etl.report import RunReport
from reverse_etl.rows import Op, Outcome, Row, RowResult
from warehouse.base import Warehouse

#: A nap long enough for a simulator to do something meanwhile.
_NAP = 0.005

_NUMBERS = count(1)  # of syncs: each has a state of its own in the one warehouse


class Killed(BaseException):
    """Stands for a process that ends on the spot."""


class FakeTime(Clock):
    """Time that passes only when somebody sleeps, for the engine and for the client.

    Attributes:
        naps: What was slept, in seconds.
    """

    def __init__(self) -> None:
        self.naps: list[float] = []
        self._passed = 1_000.0
        self._lock = threading.Lock()

    def elapsed(self) -> float:
        """Return seconds that only go up."""
        return self._passed

    def sleep(self, seconds: float) -> None:
        """Let the time pass at once, but for a moment in which a simulator can do its work."""
        with self._lock:
            self.naps.append(seconds)
            self._passed += seconds
        time.sleep(min(seconds, _NAP))


class Sent(NamedTuple):
    """One batch that the engine handed to the destination."""

    run: int
    op: Op
    rows: Sequence[Row]
    size: int


@dataclass
class Line:
    """A connection that is open."""

    destination: Destination

    def open(self) -> Destination:
        """Return its destination."""
        return self.destination


@dataclass
class Play:
    """One case on an empty account, with an empty feed.

    Attributes:
        sent: Every batch that was handed to the destination.
        taken: The keys of the rows that the destination took, or may have taken.
        before: Called before a batch is sent; may raise.
        after: Called after a batch was sent; may raise.
    """

    case: Case
    stage: Stage
    warehouse: Warehouse
    sent: list[Sent] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    before: Callable[[Op, Sequence[Row]], None] | None = None
    after: Callable[[Op, Sequence[Row]], None] | None = None
    time: FakeTime = field(default_factory=FakeTime)
    runs: int = 0

    def __post_init__(self) -> None:
        self.first = self.case.row(0)
        self.key = next(iter(self.first))
        self.world = World(self.warehouse, columns=tuple(self.first), schema="weft_conformance")
        self.world.prepare()
        self.name = f"conformance_{next(_NUMBERS)}"
        self._lock = threading.Lock()
        self._next = 0

    @property
    def destination_class(self) -> type[Destination]:
        """The destination's class."""
        return registry.get(self.case.destination)

    @property
    def spec(self) -> ObjectSpec:
        """What the object declares."""
        return self.destination_class.objects[self.case.object]

    @property
    def has_simulator(self) -> bool:
        """Whether calls go to a simulator, in which faults can be switched on."""
        return (
            issubclass(self.destination_class, HttpDestination) and self.case.destination in self.stage.sandbox.accounts
        )

    # the world

    def add(self, *numbers: int, **values: Any) -> None:
        """Let people into the feed, with their consent."""
        for number in numbers:
            person = f"person-{number}"
            self.world.people[person] = self.case.row(number) | values
            self.world.granted.add(person)
            self._next = max(self._next, number + 1)

    def more(self, count: int) -> None:
        """Let so many more people into the feed."""
        self.add(*range(self._next, self._next + count))

    def person(self, number: int) -> dict[str, Any]:
        """Return somebody's row of the feed."""
        return self.world.people[f"person-{number}"]

    def drop(self, number: int) -> None:
        """Take somebody out of the feed."""
        del self.world.people[f"person-{number}"]

    @property
    def changeable(self) -> str | None:
        """A column whose value can change; none where a row is its key alone."""
        if self.case.text:
            return self.case.text
        other = self.case.row(5_000)
        fixed = {self.key, *self.spec.keys, "event_id", "event_name", "occurred_at"}
        return next(
            (column for column in self.first if column not in fixed and other[column] != self.first[column]), None
        )

    def change(self, *numbers: int, by: int = 5_000) -> None:
        """Change a value of people's rows."""
        column = self.changeable
        assert column is not None
        for number in numbers:
            value = self.case.row(number + by)[column]
            self.person(number)[column] = f"{self.person(number)[column]} B" if column == self.case.text else value

    # the engine

    def settings(self) -> Settings:
        """Return the connection's settings."""
        return self.case.settings(self.stage)

    def connect(self, settings: Settings | None = None) -> Destination:
        """Return the destination as a new process opens it."""
        chosen = settings or self.settings()
        return registry.connect(self.case.destination, chosen, sleep=self.time.sleep, clock=self.time.elapsed)

    def run(self, *, connect: Settings | None = None, **settings: Any) -> RunReport:
        """Load the world and run the sync, as a new process does."""
        self.world.load()
        self.runs += 1
        destination = self._watched(self.connect(connect))
        lines: Any = {self.case.destination: Line(destination)}
        return run_sync(self.warehouse, self._sync(**settings), lines, AS_OF, clock=self.time)

    def _sync(self, **settings: Any) -> SyncDefinition:
        told: dict[str, Any] = {
            "name": self.name,
            "label": str(self.case),
            "where": f"conformance suite, {self.case}",
            "connection": self.case.destination,
            "destination": self.case.destination,
            "object": self.case.object,
            "target": self.case.target,
            "mode": self.case.mode,
            "key": self.key,
            "columns": self.case.columns,
            "changes": None,
        }
        return self.world.sync(**(told | settings))

    def _watched(self, destination: Destination) -> Destination:
        """Return the destination, what is handed to it written down."""
        send, run = destination.send, self.runs

        def watched(delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
            with self._lock:
                size = sum(destination.size(delivery, row) for row in rows)
                self.sent.append(Sent(run, op, rows, size))
            if self.before:
                self.before(op, rows)
            try:
                results = send(delivery, op, rows)
            except AmbiguousCall:
                self.taken += [row.key for row in rows]
                raise
            self.taken += [one.key for one in results if one.outcome is not Outcome.TRANSIENT]
            if self.after:
                self.after(op, rows)
            return results

        destination.send = watched  # type: ignore[method-assign]
        return destination

    # what came of it

    def held(self) -> Mapping[str, Values]:
        """Return what the account holds."""
        return self.case.held(self.stage)

    def wanted(self) -> dict[str, Values]:
        """Return what the account should hold."""
        return dict(map(self.case.expected, self.world.wanted()))

    def keys(self, run: int | None = None) -> list[str]:
        """Return the keys of the rows that were handed to the destination, by one run or by all."""
        return [row.key for sent in self.sent if run in (None, sent.run) for row in sent.rows]

    @property
    def secrets(self) -> list[str]:
        """The secrets of the connection."""
        settings = self.settings()
        values = (getattr(settings, name) for name in type(settings).model_fields)
        return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]

    def fault(self, kind: str, **fields: Any) -> None:
        """Switch a fault of the simulator on."""
        self.stage.sandbox.fault(kind, self.case.destination, **fields)

    @contextmanager
    def killed(self, point: str, call: int = 1) -> Iterator[None]:
        """Let the process die at its n-th call of the destination.

        Args:
            point: ``before`` or ``after`` the call.
            call: Which one.
        """
        calls = count(1)

        def die(op: Op, rows: Sequence[Row]) -> None:
            with self._lock:
                number = next(calls)
            if number >= call:
                raise Killed

        setattr(self, point, die)
        try:
            yield
        finally:
            setattr(self, point, None)
