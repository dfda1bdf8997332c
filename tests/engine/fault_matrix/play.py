"""Plays a fault: the real engine on DuckDB, the real HTTP client, a vendor that misbehaves, and time that we turn."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from reverse_etl.account import AccountFile
from reverse_etl.breaker import Breaker
from reverse_etl.budget import Budget
from reverse_etl.destinations.base import HttpSettings
from reverse_etl.engine import run_sync
from reverse_etl.errors import DestinationDown, DestinationRefused
from reverse_etl.http import HttpClient
from reverse_etl.ledger import Filters, read
from reverse_etl.report import RunReport
from tests.engine.conftest import duckdb_project
from tests.engine.fault_matrix.faults import Case, cases
from tests.engine.fault_matrix.server import Vendor
from tests.engine.fault_matrix.vendor_destination import VendorDestination
from tests.engine.shop import AS_OF, Shop
from warehouse.base import Warehouse
from warehouse.profile import open_warehouse

PEOPLE = tuple(f"f{number:02}" for number in range(1, 13))
LATER = 900.0  #: seconds until the next run
MODES = {"contact": "mirror", "event": "append"}
_EPOCH = 1_782_864_000.0  # 2026-07-01, the moment of the test shop


class Time:
    """Time that passes only when the HTTP client sleeps; ``skew`` is what our wall clock is wrong by."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept = 0.0
        self.skew = 0.0
        self.on_sleep: Callable[[], None] | None = None

    def clock(self) -> float:
        """Return seconds that only go up."""
        return self.now

    def wall(self) -> float:
        """Return the true seconds since 1970."""
        return _EPOCH + self.now

    def our_wall(self) -> float:
        """Return what our own clock says."""
        return self.wall() + self.skew

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.slept += seconds
        if self.on_sleep is not None:
            wake, self.on_sleep = self.on_sleep, None
            wake()


@dataclass
class Ran:
    """What one run did.

    Attributes:
        status: Where it ended.
        error: The class of what it raised; empty where it did not.
        calls: Calls made.
        waited: Seconds waited.
        outcomes: Rows by outcome.
        kept: Rows kept back, by reason.
        message: What a person is told.
    """

    status: str
    error: str
    calls: int
    waited: float
    outcomes: dict[str, int]
    kept: dict[str, int]
    message: str


@dataclass
class Record:
    """What became of one case.

    Attributes:
        case: The case.
        object: ``contact``, whose calls may be repeated, or ``event``, whose may not.
        first: The run that met the fault.
        following: The run after it was mended.
        held: What the vendor holds in the end.
        expected: What the feed holds.
        arrived: How often each row was taken.
        confirmed: Rows that the ledger calls applied.
        doubtful: Rows that the ledger names as possibly arrived, and that are not confirmed.
        answered: Rows with a line in the ledger.
    """

    case: Case
    object: str
    first: Ran
    following: Ran
    held: dict[str, dict[str, Any]]
    expected: dict[str, dict[str, Any]]
    arrived: Counter[str]
    confirmed: set[str]
    doubtful: set[str]
    answered: set[str]


@dataclass
class World:
    """Everything that takes part."""

    shop: Shop
    object: str
    name: str
    folder: Path
    time: Time = field(default_factory=Time)
    runs: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.vendor = Vendor(self.time.wall)

    def jump(self, seconds: float) -> None:
        """Set our clock wrong, from now on."""
        self.time.skew += seconds
        self.shop.clock.sleep(seconds)

    def later(self, seconds: float) -> None:
        """Let time pass until the next run."""
        self.time.now += seconds
        self.shop.clock.sleep(seconds)

    def open(self) -> VendorDestination:
        """Return a destination, as a new process would make it."""
        account = AccountFile(self.folder / f"{self.name}.json")
        budget = Budget(account, clock=self.time.clock, sleep=self.time.sleep)
        breaker = Breaker(account, "Vendor", clock=self.time.clock, wall=self.time.our_wall)
        http = HttpClient(
            self.vendor.url,
            {},
            budget=budget,
            breaker=breaker,
            sleep=self.time.sleep,
            clock=self.time.clock,
            wall=self.time.our_wall,
            read_timeout=0.15,
        )
        return VendorDestination(HttpSettings(base_url=self.vendor.url), http)

    def run(self) -> Ran:
        """Load the feed and run the sync once."""
        self.shop.load()
        sync = self.shop.sync(
            name=self.name,
            connection="vendor",
            destination="vendor",
            object=self.object,
            mode=MODES.get(self.object, "mirror"),
        )
        destination = self.open()
        before = self.runs
        begun, error = self.time.slept, ""
        report: RunReport | None = None
        try:
            lines: Any = {"vendor": _Line(destination)}
            report = run_sync(self.shop.warehouse, sync, lines, AS_OF, clock=self.shop.clock)
        except (DestinationDown, DestinationRefused) as raised:
            error = type(raised).__name__
        finally:
            destination.http.close()
        [run] = [
            run
            for run in self.shop.engine("sync_runs")
            if run["sync_name"] == self.name and run["run_id"] not in before
        ]
        self.runs = before | {str(run["run_id"])}
        lines_of_run = read(self.shop.warehouse, sync.name, Filters(run_id=str(run["run_id"])))
        return Ran(
            status=str(run["status"]),
            error=error,
            calls=destination.http.calls,
            waited=self.time.slept - begun,
            outcomes=dict(sorted(Counter(str(line["outcome"]) for line in lines_of_run).items())),
            kept=report.blocked if report else {},
            message=str(run["message"] or ""),
        )


@dataclass
class _Line:
    """A connection."""

    destination: VendorDestination

    def open(self) -> VendorDestination:
        """Return the destination."""
        return self.destination


def play(case: Case, object_name: str, warehouse: Warehouse, folder: Path) -> Record:
    """Play one case on one object: a run with the fault, and the next one without.

    Args:
        case: The case.
        object_name: The object.
        warehouse: Where the feed and the engine's tables go; cases may share it.
        folder: Where the rate budget goes.
    """
    random.seed(1)  # the waits between attempts are drawn at random, and the table is to be the same every time
    shop = Shop(warehouse)
    warehouse.execute(f"create schema if not exists {shop.relation('feed').schema}")
    shop.add(*PEOPLE)
    world = World(shop, object_name, f"sync_{uuid4().hex}", folder)
    try:
        case.prepare(world)
        first = world.run()
        world.later(LATER)
        case.mend(world)
        following = world.run()
        lines = read(warehouse, world.name, limit=1_000)
        confirmed = {line["row_key"] for line in lines if line["outcome"] == "applied"}
        return Record(
            case=case,
            object=object_name,
            first=first,
            following=following,
            held=world.vendor.rows,
            expected=shop.eligible(),
            arrived=world.vendor.arrived,
            confirmed=confirmed,
            doubtful={line["row_key"] for line in lines if line["outcome"] == "ambiguous"} - confirmed,
            answered={line["row_key"] for line in lines},
        )
    finally:
        world.vendor.close()


def play_all(folder: Path) -> list[Record]:
    """Play every case on every object, in order."""
    with open_warehouse(duckdb_project(folder), env={}) as warehouse:
        return [play(case, name, warehouse, folder) for name in MODES for case in cases()]
