"""compute_traits against the oracle, for random people: at one moment, at moments of their own, until they expire."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.traits import oracle
from tests.traits.conftest import TraitProject
from tests.traits.oracle import DAY, Event

MOMENT = datetime(2026, 7, 1, 9, 30)  # the project's as_of
Windowed = Callable[[list[Event]], object]
Timelines = list[list[Event]]


def amounts(events: list[Event]) -> list[Decimal]:
    return [event.amount for event in events if event.amount is not None]


def channels(events: list[Event]) -> list[str]:
    return [event.channel for event in sorted(events) if event.channel is not None]


#: Each kind that takes a window: how it is written, and what it is of the events in the window.
KINDS: Mapping[str, tuple[str, Windowed]] = {
    "count": ("trait_count(['a', 'b']{})", len),
    "some": ("trait_count(['a', 'b'], where=\"amount > 1\"{})", lambda found: sum(x > 1 for x in amounts(found))),
    "sum": ("trait_sum(['a', 'b'], 'amount'{})", lambda found: sum(amounts(found), Decimal(0))),
    "avg": (
        "trait_avg(['a', 'b'], 'amount'{})",
        lambda found: oracle.rounded(sum(amounts(found), Decimal(0)) / len(amounts(found))) if amounts(found) else None,
    ),
    "min": ("trait_min(['a', 'b'], 'amount'{})", lambda found: min(amounts(found), default=None)),
    "max": ("trait_max(['a', 'b'], 'amount'{})", lambda found: max(amounts(found), default=None)),
    "first": ("trait_first(['a', 'b'], 'channel'{})", lambda found: next(iter(channels(found)), None)),
    "last": ("trait_last(['a', 'b'], 'channel'{})", lambda found: next(reversed(channels(found)), None)),
    "first_at": ("trait_first_at(['a', 'b']{})", lambda found: min((x.occurred_at for x in found), default=None)),
    "last_at": ("trait_last_at(['a', 'b']{})", lambda found: max((x.occurred_at for x in found), default=None)),
    "exists": ("trait_exists(['a', 'b']{})", bool),
    "frequent": ("trait_most_frequent(['a', 'b'], 'channel'{})", oracle.most_frequent),
    "list": (
        "trait_unique_list(['a', 'b'], 'channel'{})",
        lambda found: "|".join(sorted(set(channels(found)))) or None,
    ),
    "unique": ("trait_unique_count(['a', 'b'], 'channel'{})", lambda found: len(set(channels(found)))),
}
WINDOWS: Mapping[str, Mapping[str, object]] = {
    "ever": {},
    "sliding": {"within_days": 30},
    "month": {"calendar": "month"},
    "last_month": {"calendar": "month", "ago": 1},
    "quarter": {"calendar": "quarter", "ago": 2},
    "week": {"calendar": "week", "ago": 1},
    "session": {"session_minutes": 30},
}
#: Those with a time of their own.
CLOCKS: Mapping[str, tuple[str, Callable[[list[Event], datetime], object]]] = {
    "since": (
        "trait_days_since(['a', 'b'])",
        lambda found, at: (at - max(found).occurred_at) // DAY if found else None,
    ),
    "days": ("trait_streak(['a', 'b'])", lambda found, at: oracle.current_streak(found, "day", at)),
    "weeks": ("trait_streak(['a', 'b'], period='week')", lambda found, at: oracle.current_streak(found, "week", at)),
    "months": ("trait_streak(['a', 'b'], period='month')", lambda found, at: oracle.current_streak(found, "month", at)),
    "longest": (
        "trait_streak(['a', 'b'], period='week', which='longest')",
        lambda found, at: max(map(len, oracle.streaks(found, "week")), default=0),
    ),
    "sessions": ("trait_sessions(['a', 'b'])", lambda found, at: len(oracle.sessions(found, 30))),
    "sessions_30d": (
        "trait_sessions(['a', 'b'], within_days=30)",
        lambda found, at: len(oracle.sessions(oracle.in_window(found, at, within_days=30), 30)),
    ),
    "trend": (
        "trait_trend(['a', 'b'], period='month', periods=3)",
        lambda found, at: oracle.trend(found, "month", 3, at, lambda event: Decimal(1)),
    ),
    "trend_amount": (
        "trait_trend(['a', 'b'], period='week', periods=5, value='amount')",
        lambda found, at: oracle.trend(found, "week", 5, at, lambda event: event.amount or Decimal(0)),
    ),
}


def declared() -> dict[str, str]:
    """Every trait, as a model writes it."""
    windowed = {
        f"{kind}_{name}": call.format("".join(f", {key}={value!r}" for key, value in window.items()))
        for kind, (call, _) in KINDS.items()
        for name, window in WINDOWS.items()
    }
    return windowed | {name: call for name, (call, _) in CLOCKS.items()}


def expected(events: list[Event], at: datetime) -> dict[str, object]:
    """What every trait is at a moment, by the oracle."""
    known = [
        event
        for event in events
        if event.occurred_at <= at and event.received_at <= at and event.event_name in ("a", "b")
    ]
    windowed = {
        f"{kind}_{name}": of(oracle.in_window(known, at, **window))
        for kind, (_, of) in KINDS.items()
        for name, window in WINDOWS.items()
    }
    return windowed | {name: of(known, at) for name, (_, of) in CLOCKS.items()}


@pytest.fixture(scope="module")
def queries(project: TraitProject) -> dict[str, str]:
    """The SQL of all traits: `now`, at the run's moment, and `then`, at moments of people's own."""
    traits = "{" + ", ".join(f"'{name}': {call}" for name, call in declared().items()) + "}"
    for name, as_of in (("now", ""), ("then", ", as_of='moment'")):
        call = f"compute_traits({traits}, people='people', events='events'{as_of})"
        read = "people as (select * from {{ ref('people') }}), events as (select * from {{ ref('events') }})"
        project.write(name, f"with {read}, final as ({{{{ {call} }}}}) select * from final")
    done = project.dbt("compile", "--select", "now", "then")
    assert done.returncode == 0, done.stdout[-6000:]
    return {name: project.compiled(name) for name in ("now", "then")}


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("attach ':memory:' as traits; create schema traits.weft; set threads = 1")
        yield opened


def compute(
    connection: duckdb.DuckDBPyConnection, query: str, timelines: Timelines, moments: list[datetime]
) -> list[dict[str, Any]]:
    """The traits of people who are numbered from 0, in that order."""
    connection.execute("create or replace table traits.weft.people (profile_id varchar, moment timestamp)")
    connection.execute(
        "create or replace table traits.weft.events (event_id varchar, profile_id varchar, event_name varchar, "
        "occurred_at timestamp, received_at timestamp, amount decimal(18, 4), channel varchar)"
    )
    people = [(f"{number:04}", moment) for number, moment in enumerate(moments)]
    connection.execute(f"insert into traits.weft.people {listed(people)}")
    events = [
        (x.event_id, f"{number:04}", x.event_name, x.occurred_at, x.received_at, x.amount, x.channel)
        for number, timeline in enumerate(timelines)
        for x in timeline
    ]
    if events:
        connection.execute(f"insert into traits.weft.events {listed(events)}")
    cursor = connection.execute(f"select * from ({query}) order by profile_id")
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def listed(rows: Sequence[tuple[object, ...]]) -> str:
    """Rows as a values clause."""
    literals = (", ".join("null" if each is None else f"'{each}'" for each in row) for row in rows)
    return "values " + ", ".join(f"({row})" for row in literals)


#: How long before the moment something happened: often at the edge of a window, to the microsecond.
edges = st.sampled_from(
    [
        *(timedelta(0), timedelta(minutes=30), timedelta(minutes=60), timedelta(hours=9, minutes=30), DAY, 2 * DAY),
        *(30 * DAY, MOMENT - datetime(2026, 6, 1), MOMENT - datetime(2026, 6, 29), MOMENT - datetime(2026, 4, 1)),
        *(MOMENT - datetime(2026, 1, 1), MOMENT - datetime(2026, 6, 22)),
    ]
)
near = st.sampled_from([timedelta(0), timedelta(microseconds=1), timedelta(microseconds=-1)])
ages = st.one_of(
    st.builds(lambda edge, by: max(edge + by, timedelta(0)), edges, near),
    st.builds(lambda days, minutes: timedelta(days=days, minutes=minutes), st.integers(0, 200), st.integers(0, 90)),
    st.builds(lambda minutes: timedelta(minutes=minutes), st.integers(0, 240)),
)


@st.composite
def timelines(draw: st.DrawFn) -> list[Event]:
    """One person's events, the names of which do not follow their order."""
    ids = draw(st.permutations([f"e{number}" for number in range(7)]))
    events = []
    for number in range(draw(st.integers(0, 7))):
        occurred_at = MOMENT - draw(ages)
        events.append(
            Event(
                occurred_at=occurred_at,
                event_id=ids[number],
                received_at=occurred_at + draw(st.sampled_from([timedelta(0), timedelta(0), DAY, 40 * DAY])),
                event_name=draw(st.sampled_from(["a", "a", "b", "other"])),
                amount=draw(st.none() | st.decimals(-5, 100, places=4)),
                channel=draw(st.sampled_from([None, "web", "store", "app"])),
            )
        )
    return events


people = st.lists(timelines(), min_size=5, max_size=30)
moments = st.builds(lambda age: MOMENT - age, ages)


@settings(max_examples=10, deadline=None)
@given(people)
def test_traits_are_what_the_oracle_says(
    queries: dict[str, str], connection: duckdb.DuckDBPyConnection, timelines: Timelines
) -> None:
    known = [[event for event in events if event.received_at <= MOMENT] for events in timelines]
    rows = compute(connection, queries["now"], known, [MOMENT] * len(known))
    for events, row in zip(known, rows, strict=True):
        assert {name: row[name] for name in declared()} == expected(events, MOMENT)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(timelines(), moments), min_size=5, max_size=30))
def test_traits_as_of_a_moment_are_those_of_the_events_known_then(
    queries: dict[str, str], connection: duckdb.DuckDBPyConnection, asked: list[tuple[list[Event], datetime]]
) -> None:
    rows = compute(connection, queries["then"], [events for events, _ in asked], [moment for _, moment in asked])
    for (events, moment), row in zip(asked, rows, strict=True):
        assert row["moment"] == moment
        assert {name: row[name] for name in declared()} == expected(events, moment)


@settings(max_examples=10, deadline=None)
@given(people)
def test_no_trait_changes_before_it_expires(
    queries: dict[str, str], connection: duckdb.DuckDBPyConnection, timelines: Timelines
) -> None:
    known = [[event for event in events if event.received_at <= MOMENT] for events in timelines]
    before = compute(connection, queries["then"], known, [MOMENT] * len(known))
    last = [(row["expires_at"] or MOMENT + 5000 * DAY) - timedelta(microseconds=1) for row in before]
    assert all(moment >= MOMENT for moment in last)
    after = compute(connection, queries["then"], known, last)
    for row, later in zip(before, after, strict=True):
        assert {name: row[name] for name in declared()} == {name: later[name] for name in declared()}
