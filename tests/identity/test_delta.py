"""A run reads what changed, writes what differs, and mends what an older version or a careless hand left."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from .conftest import IdentityProject, Mention
from .oracle import Identifier

NOON = datetime(2026, 1, 1, 12)
OVERRIDE = (
    "insert into weft_identity.identity_overrides (override_id, kind, type_a, value_a, type_b, value_b, decided_at) "
    "values ('1', '{}', 'user_id', 'ada', 'user_id', 'ben', timestamp '2026-01-02 12:00:00')"
)


def record(name: str, user: str, email: str, at: datetime = NOON) -> list[Mention]:
    return [("shop", name, "user_id", user, at), ("shop", name, "email", email, at)]


PEOPLE = [row for name in ("ada", "ben", "cleo", "dan") for row in record(name, name, f"{name}@x.example")]


def last_batch(project: IdentityProject) -> list[tuple[Any, ...]]:
    """The edges that the last finished batch wrote."""
    return project.execute(
        "select rule, inactive_reason, count_records, last_seen_at from weft_identity.identity_edges "
        "where batch = (select max(batch) from weft_identity.identity_batches) order by all"
    )


def count(project: IdentityProject, table: str) -> int:
    [(rows,)] = project.execute(f"select count(*) from weft_identity.{table}")
    return int(rows)


def same_person(project: IdentityProject, *users: str) -> bool:
    people = project.people()
    return len({people["user_id", user] for user in users}) == 1


def without_dan(people: dict[Identifier, str]) -> dict[Identifier, str]:
    return {(kind, value): profile for (kind, value), profile in people.items() if not value.startswith("dan")}


@pytest.mark.timeout(600)
def test_a_run_costs_and_changes_what_is_new(project: IdentityProject) -> None:
    project.write(PEOPLE)
    project.dbt("build")
    people, batches = project.people(), count(project, "identity_batches")

    project.dbt("run")
    assert count(project, "identity_news") == count(project, "identity_pair_news") == 0
    assert (project.people(), count(project, "identity_batches")) == (people, batches)

    # Another record of the same, later: the evidence of one edge, and when two identifiers were seen last.
    later = NOON + timedelta(days=1)
    project.write([*PEOPLE, *record("ada again", "ada", "ada@x.example", later)])
    project.dbt("run")
    assert count(project, "identity_pair_news") == 1
    assert last_batch(project) == [("same_record", None, 2, later)]
    assert project.people() == people
    seen = "select last_seen_at, count(*) from weft_identity.identity_map group by last_seen_at order by 1"
    assert project.execute(seen) == [(NOON, 6), (later, 2)]

    # It is taken back, and an identifier is mentioned nowhere any more.
    project.write(PEOPLE[:-1])
    project.dbt("run")
    assert last_batch(project) == [("same_record", "withdrawn", 1, NOON), ("same_record", None, 1, NOON)]
    assert project.people().keys() == people.keys() - {("email", "dan@x.example")}
    assert project.execute(seen) == [(NOON, 7)]

    # A value is blocked: everything is read again, and one edge is written.
    seed = project.folder / "seeds" / "blocked_identifiers.csv"
    listed = seed.read_text()
    seed.write_text(f"{listed.rstrip()}\nemail,cleo@x.example,somebody's invention\n")
    project.dbt("build", "--exclude-resource-type", "test")
    assert last_batch(project) == [("same_record", "blocked", 1, NOON)]
    assert project.people().keys() == {(kind, value) for kind, value in people if value[:4] not in ("cleo", "dan@")} | {
        ("user_id", "cleo")
    }
    seed.write_text(listed)
    project.execute(OVERRIDE.format("include"))
    project.dbt("build", "--exclude-resource-type", "test")
    assert [row[:2] for row in last_batch(project)] == [("include", None), ("same_record", None)]
    assert same_person(project, "ada", "ben")
    assert not same_person(project, "ada", "cleo")

    project.execute("update weft_identity.identity_overrides set undone_at = decided_at")
    project.dbt("run")
    assert [row[:2] for row in last_batch(project)] == [("include", "undone")]
    assert without_dan(project.people()) == without_dan(people)


@pytest.mark.timeout(600)
def test_tables_of_an_older_form_and_lost_ones_are_filled_again(project: IdentityProject) -> None:
    project.write([*PEOPLE, *record("shared", "ada", "both@x.example"), *record("shared too", "ben", "both@x.example")])
    project.dbt("build", "--exclude-resource-type", "test")
    people, edges = (
        project.people(),
        "select a, b, source, inactive_reason, count_records from {}.identity_edges order by all",
    )
    before = project.execute(edges.format("weft_identity"))

    project.execute(
        "use weft_identity",
        "drop table identity_scanned",
        "drop table identity_batches",
        "alter table identity_blocked drop column bucket",
        "alter table identity_map drop column node_seq",
        "alter table identity_shared drop column batch",
        "alter table identity_edges drop column batch",
        "create or replace table identity_pairs as select a, b, source, min(seen_at) as first_seen_at, "
        "max(seen_at) as last_seen_at, count(*) as count_records from identity_pairs group by all",
    )
    gone = PEOPLE[:-2]
    project.write([*gone, *record("shared", "ada", "both@x.example"), *record("shared too", "ben", "both@x.example")])
    project.dbt("build")
    assert without_dan(project.people()) == without_dan(people)
    after = project.execute(edges.format("weft_identity"))
    assert [(*row[:3], row[4]) for row in after] == [(*row[:3], row[4]) for row in before]
    assert [row[3] for row in after].count("withdrawn") == 1

    for lost in ("identity_map", "identity_blocked", "identity_pairs"):
        project.execute(f"drop table weft_identity.{lost}")
        project.dbt("run")
        assert without_dan(project.people()) == without_dan(people)
    assert project.execute(edges.format("weft_identity")) == after


@pytest.mark.timeout(300)
def test_news_that_a_killed_run_read_and_that_was_taken_back_leaves_nothing(project: IdentityProject) -> None:
    project.write(PEOPLE)
    project.dbt("build", "--exclude-resource-type", "test")
    people = project.people()

    # All but the end of a run, as if it had been killed there.
    mistake: list[Mention] = [("shop", "mistake", "user_id", user, NOON) for user in ("ada", "ben")]
    project.write([*PEOPLE, *mistake, *record("nobody", "eve", "eve@x.example")])
    project.dbt("run", "--exclude", "identity_scanned+")
    assert same_person(project, "ada", "ben")

    project.write(PEOPLE)
    project.dbt("run")
    assert project.people() == people
    assert count(project, "identity_map") == len(people)
    assert count(project, "identity_blocked") == 0
    assert count(project, "identity_pairs") == 4
