"""Whatever happens around a budget, it keeps the limit and lets calls through; whatever a header says, it is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from reverse_etl.account import BucketNumbers, Numbers
from reverse_etl.bucket import GRACE, LONGEST_PAUSE, LOOK_AGAIN, SLOWEST, ask, learn, speed
from reverse_etl.destinations.base import Limits
from reverse_etl.headers import read


@dataclass
class Caller:
    """A process that asks until it is let through, unless it is killed."""

    process: int
    urgent: bool
    ticket: int | None = None
    due: float = 0.0
    since: float = 0.0


@dataclass
class Crowd:
    """Callers of several processes on one budget, and a clock."""

    limits: Limits
    numbers: BucketNumbers = field(default_factory=BucketNumbers)
    now: float = 0.0
    waiting: list[Caller] = field(default_factory=list)
    through: list[tuple[float, Caller]] = field(default_factory=list)

    def come(self, process: int, urgent: bool) -> None:
        """Let a caller ask for the first time."""
        caller = Caller(process, urgent, since=self.now)
        self.waiting.append(caller)
        self._ask(caller)

    def pass_time(self, seconds: float, late: float) -> None:
        """Let time pass; who is due asks again, a little late as on a busy machine."""
        until = self.now + seconds
        while True:
            following = min(self.waiting, key=lambda caller: caller.due, default=None)
            if following is None or following.due + late > until:
                break
            self.now = max(self.now, following.due + late)
            self._ask(following)
        self.now = until

    def _ask(self, caller: Caller) -> None:
        # through the file and back, as between processes
        self.numbers = BucketNumbers.model_validate_json(self.numbers.model_dump_json())
        wait, caller.ticket = ask(
            self.numbers,
            self.now,
            self.limits,
            ticket=caller.ticket,
            urgent=caller.urgent,
            process=caller.process,
        )
        caller.due = self.now + wait
        if wait == 0:
            self.waiting.remove(caller)
            self.through.append((self.now, caller))


EVENTS = st.one_of(
    st.tuples(st.just("come"), st.integers(1, 4), st.booleans()),
    st.tuples(st.just("time"), st.floats(0, 3), st.floats(0, GRACE / 2)),
    st.tuples(st.just("kill"), st.integers(0, 10), st.none()),
)


@settings(max_examples=150, deadline=None)
@given(st.floats(0.5, 50), st.integers(1, 8), st.lists(EVENTS, max_size=80))
def test_a_crowd_keeps_the_limit_and_everybody_gets_through(
    rate: float, burst: int, events: list[tuple[str, Any, Any]]
) -> None:
    crowd = Crowd(Limits(rows=1, bytes=1, calls_per_second=rate, burst=burst))
    for kind, first, second in events:
        if kind == "come":
            crowd.come(first, second)
        elif kind == "time":
            crowd.pass_time(first, second)
        elif crowd.waiting:
            crowd.waiting.pop(first % len(crowd.waiting))

    crowd.pass_time((len(events) + 2) / rate + (GRACE + LOOK_AGAIN) * len(events) + 5, 0.0)
    assert crowd.waiting == []
    moments = [moment for moment, _ in crowd.through]
    for place, moment in enumerate(moments):
        for other in range(place + burst, len(moments)):
            assert other - place + 1 <= burst + rate * (moments[other] - moment) + 1e-3


WORDS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True).map(str),
    st.integers(-(10**20), 10**20).map(str),
    st.text(alphabet='0123456789.,;=" qrtwlimtresnag-?Tue Nov2023GMT:', max_size=40),
    st.just("5e-324"),
    st.just('"a";q=1e15;w=0.01, "b";q=5e-324;w=5e-324'),
    st.just('"a";r=1;t=5e-324'),
)
NAMES = (
    *(f"{family}-{part}" for family in ("RateLimit", "X-RateLimit") for part in ("Limit", "Remaining", "Reset")),
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Date",
    "X-HubSpot-RateLimit-Max",
    "X-HubSpot-RateLimit-Remaining",
    "X-HubSpot-RateLimit-Interval-Milliseconds",
    "X-HubSpot-RateLimit-Daily-Remaining",
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(NAMES), WORDS, max_size=6), max_size=4), st.booleans())
def test_no_header_breaks_the_budget_or_stops_calls_for_good(answers: list[dict[str, str]], spent: bool) -> None:
    pace = Limits(rows=1, bytes=1, calls_per_second=10, burst=5)
    numbers, now = BucketNumbers(), 0.0
    for headers in answers:
        reading = read(CaseInsensitiveDict(headers), 1.7e9)
        learn(numbers, now, reading, pace, spent=spent)
        kept = Numbers(buckets={"crm": numbers}).model_dump_json()
        numbers = Numbers.model_validate_json(kept).buckets["crm"]
        assert SLOWEST <= speed(numbers, now, pace, 1.0)[0] <= 100
        began, wait, ticket = now, 1.0, None
        while wait:
            wait, ticket = ask(numbers, now, pace, ticket=ticket)
            now += wait
        assert now - began <= LONGEST_PAUSE + 1 / SLOWEST + 1


@pytest.mark.parametrize("urgent", [True, False])
def test_a_crowd_of_one_kind_is_served_in_the_order_of_its_coming(urgent: bool) -> None:
    crowd = Crowd(Limits(rows=1, bytes=1, calls_per_second=10))
    for _ in range(20):
        crowd.come(1, urgent)
    coming = list(crowd.waiting)
    crowd.pass_time(30, 0.0)

    assert [caller for _, caller in crowd.through][1:] == coming
