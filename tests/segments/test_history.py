"""The history of the segments: it replays to who was in them at any moment, tells why, and keeps out who must wait."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from tests.segments.conftest import Project

SEGMENTS = ("free", "cooled", "once")
PEOPLE = ("p1", "p2", "p3")
START = datetime(2026, 7, 1)
COMPILED_AT = "2026-01-02 00:00:00"
STAYS = "select segment, profile_id, entered_at, exited_at from weft_segments.segment_history order by all"
NOW = "select segment, profile_id from weft_segments.segment_history where exited_at is null"
THEN = NOW.replace("exited_at is null", "entered_at <= $1 and (exited_at is null or exited_at > $1)")


class Runs:
    """Runs the SQL that dbt compiled and its own merge, so that many runs take no time; all of it is rolled back."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, target: Path) -> None:
        def text(kind: str, model: str) -> str:
            return (target / kind / "weft" / "models" / "segments" / f"{model}.sql").read_text()

        self.connection = connection
        self._definitions = text("compiled", "segment_definitions")
        self._changes = text("compiled", "segment_history")
        self._merge = re.sub(r'"segment_history__dbt_tmp\d*"', "changes_of_run", text("run", "segment_history"))
        self._runs = text("compiled", "segment_runs")

    def write(self, table: str, *rows: Sequence[object]) -> None:
        """Replace what is in a table."""
        self.connection.execute(f"delete from {table}")
        for row in rows:
            self.connection.execute(f"insert into {table} values ({', '.join('?' for _ in row)})", list(row))

    def run(self, moment: datetime, members: set[tuple[str, str]]) -> None:
        """Do what a run of dbt does for the history."""
        for segment in SEGMENTS:
            self.write(f"weft_segments.seg_{segment}", *((person,) for name, person in members if name == segment))
        at = moment.isoformat(sep=" ")
        for create, text in (
            ("create or replace view weft_segments.segment_definitions as", self._definitions),
            ("create or replace temp table changes_of_run as", self._changes),
        ):
            self.connection.execute(f"{create} {text.replace(COMPILED_AT, at)}")
        self.connection.execute(self._merge)
        self.connection.execute(
            f"insert into weft_segments.segment_runs by name select * from ({self._runs.replace(COMPILED_AT, at)}) "
            "as new where not exists (select 1 from weft_segments.segment_runs as old where old.run_at = new.run_at)"
        )

    def read(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self.connection.execute(query, list(values)).fetchall()


@pytest.fixture(scope="module")
def built(project: Project) -> Project:
    """Built twice without anybody in it, so that the second time dbt compiles what it does when there is a history."""
    project.build("2026-01-01")
    project.build("2026-01-02")
    return project


@contextmanager
def runs_of(built: Project) -> Iterator[Runs]:
    with duckdb.connect(str(built.warehouse), config={"threads": 1}) as connection:
        connection.execute("begin")
        yield Runs(connection, built.folder / "target")
        connection.execute("rollback")


memberships = st.sets(st.tuples(st.sampled_from(SEGMENTS), st.sampled_from(PEOPLE)))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from((0, 1, 2, 3, 6)), memberships), min_size=2, max_size=6))
def test_the_history_replays_to_who_was_a_member_at_any_moment(
    built: Project, steps: list[tuple[int, set[tuple[str, str]]]]
) -> None:
    with runs_of(built) as runs:
        moment = START
        known: dict[datetime, set[tuple[Any, ...]]] = {}
        inside: set[tuple[str, str]] = set()
        left: dict[tuple[str, str], datetime] = {}
        for days, fitting in steps:
            moment += timedelta(days=days)
            kept_out = {
                who
                for who, at in left.items()
                if who not in inside and (who[0] == "once" or (who[0] == "cooled" and moment < at + timedelta(days=5)))
            }
            left |= dict.fromkeys(inside - fitting, moment)
            inside = fitting - kept_out
            known[moment] = set(inside)
            runs.run(moment, fitting)
        stays = runs.read(STAYS)
        runs.run(moment, fitting)
        assert runs.read(STAYS) == stays, "the same moment again changes nothing"
        runs.run(moment - timedelta(hours=1), set())
        assert runs.read(STAYS) == stays, "an earlier moment is not written"
        assert set(runs.read(NOW)) == inside
        for then, members in known.items():
            assert set(runs.read(THEN, then)) == members, (then, members, runs.read(THEN, then), stays)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({}, "clock", id="nothing new, only time"),
        pytest.param({"profile_timelines": ("p1", START)}, "clock", id="an event that the run before knew"),
        pytest.param({"profile_timelines": ("p1", START + timedelta(days=1))}, "event", id="an event"),
        pytest.param({"profile_timelines": ("p2", START + timedelta(days=1))}, "clock", id="somebody else's event"),
        pytest.param({"profile_departures": ("p1", "merged")}, "merged", id="a merge"),
        pytest.param(
            {"profile_departures": ("p1", "erased"), "profile_timelines": ("p1", START + timedelta(days=1))},
            "erased",
            id="an erasure comes first",
        ),
        pytest.param(
            {"profile_changes": ("p1", START + timedelta(days=1), START + timedelta(days=1))},
            "clock",
            id="a consent or an attribute that the segment does not read",
        ),
    ],
)
def test_an_exit_says_why(built: Project, changes: dict[str, tuple[object, ...]], reason: str) -> None:
    with runs_of(built) as runs:
        runs.run(START, {("free", "p1")})
        for table, row in changes.items():
            runs.write(f"input.{table}", row)
        runs.run(START + timedelta(days=2), set())
        (found,) = runs.read("select reason from weft_segments.segment_history")
        assert found == (reason,)


def test_an_entry_says_why(built: Project) -> None:
    later = START + timedelta(days=1)
    with runs_of(built) as runs:
        runs.run(START, {("free", "old")})
        runs.write("input.profile_timelines", ("p1", later))
        runs.write("input.identity_aliases", ("old", "p2"))
        runs.write("input.profile_departures", ("old", "merged"))
        runs.run(later, {("free", "p1"), ("free", "p2"), ("free", "p3")})
        entered = runs.read(
            "select profile_id, entered_reason, reason from weft_segments.segment_history order by profile_id"
        )
    assert entered == [
        ("old", "clock", "merged"),
        ("p1", "event", None),
        ("p2", "merged", None),
        ("p3", "clock", None),
    ]


def test_a_cool_off_follows_a_person_into_the_profile_that_a_merge_leaves(built: Project) -> None:
    with runs_of(built) as runs:
        runs.run(START, {("cooled", "young")})
        runs.run(START + timedelta(days=1), set())
        runs.write("input.identity_aliases", ("young", "p1"))
        runs.run(START + timedelta(days=2), {("cooled", "p1")})
        assert runs.read(NOW) == []
        runs.run(START + timedelta(days=6), {("cooled", "p1")})
        assert runs.read(NOW) == [("cooled", "p1")]


def test_a_new_definition_puts_people_out_and_does_not_keep_them_out(built: Project) -> None:
    """With dbt itself: it takes another text to change what is stored of a definition, and more than a comment."""
    seen = "select reason, entered_reason from weft_segments.segment_history order by entered_at, profile_id"
    built.execute("insert into input.profile_traits values ('p1', 'cooled'), ('p2', 'cooled')")
    built.build("2026-02-01")
    assert built.execute(seen) == [(None, "clock"), (None, "clock")]
    rule = "{reentry: {cool_off_days: 5}}"
    sql = "select profile_id from {{{{ ref('profile_traits') }}}} where segment = '{name}'"
    built.segment("cooled", rule, f"-- Grain: one row per person. New words.\n{sql}")
    built.execute("delete from input.profile_traits where profile_id = 'p2'")
    built.build("2026-02-02")
    assert built.execute(seen) == [(None, "clock"), ("clock", "clock")]
    built.segment("cooled", rule, f"{sql} and profile_id <> 'p1'")
    built.build("2026-02-03")
    assert built.execute(seen) == [("definition_changed", "clock"), ("clock", "clock")]
    built.segment("cooled", rule, sql)
    built.execute("insert into input.profile_traits values ('p2', 'cooled')")
    built.build("2026-02-04")
    assert built.execute(
        "select profile_id, entered_reason from weft_segments.segment_history where exited_at is null"
    ) == [("p1", "definition_changed")], "p2 left by itself two days ago"
    assert built.execute("select profile_id from weft_segments.segment_memberships") == [("p1",)]
    built.follow(["free", "once"])
    built.segment("cooled", "{followed: false}", sql)
    built.build("2026-02-05")
    assert ("definition_changed", "definition_changed") in built.execute(seen), "a segment that is no longer followed"
