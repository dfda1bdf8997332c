"""Broken raw rows of every pack: each is used or in quarantine with its reason, and comes back when it is mended."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pytest

from tests.commands import python
from tests.quality.faults import LEFT_OUT, Load, roll
from tests.staging.conftest import ROOT, Project, declared, write_table

ROWS = 40
NO_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
SELECTED = ("path:models/staging", "consent_events")
QUALITY = ("source_days", "quarantine", "source_quality", "source_freshness")
ERASED = "erased@example.com"
#: Of the consents, what may not happen: that a refusal is lost because something else in its row is broken.
DECISIONS: list[dict[str, Any]] = [
    {
        "decision_id": "1",
        "email": "a@example.com",
        "purpose": "advertising",
        "status": "granted",
        "decided_at": "2026-01-01",
    },
    {
        "decision_id": "2",
        "email": "a@example.com",
        "purpose": "advertising",
        "status": "denied",
        "decided_at": "no idea",
    },
    {"decision_id": "3", "email": "b@example.com", "purpose": "advertising", "status": "granted", "decided_at": ""},
    {"decision_id": "4", "email": "c@example.com", "purpose": "", "status": "denied", "decided_at": "2026-01-01"},
    {"decision_id": "5", "email": "at home", "purpose": "advertising", "status": "denied", "decided_at": "2026-01-01"},
    {"decision_id": "6", "email": ERASED, "purpose": "", "status": "denied", "decided_at": "2026-01-01"},
]
REQUESTS = [{"request_id": "1", "email": ERASED, "requested_at": ""}, {"request_id": "2", "email": "unreadable"}]
CONTACT = {
    "id": "1",
    "property_firstname": "Ada",
    "property_lastmodifieddate": "1970-01-01",
    "_fivetran_deleted": "false",
}


class World:
    """A project whose raw tables were loaded with faults, built; the models of identity are not needed for this."""

    def __init__(self, project: Project, load: Load) -> None:
        self.project, self.load = project, load
        self.shown = ""
        with duckdb.connect(str(project.scratch / "warehouse.duckdb")) as connection:
            connection.execute("create schema weft_consent")
            connection.execute(
                f"create table weft_consent.erased_identifiers as"
                f" select 'email' as identifier_type, '{ERASED}' as identifier_value"
            )

    def write(self, tables: Mapping[str, Sequence[Mapping[str, Any]]], day: int) -> None:
        for name, rows in tables.items():
            write_table(self.project.raw, name, declared()[name], rows, day)

    def build(self) -> str:
        done = self.project.dbt("build", *NO_TESTS, "--select", *SELECTED, *QUALITY)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.project.query(sql)

    def quarantined(self) -> dict[str, str]:
        return dict(
            self.rows("select record_id, reason from weft_quality.quarantine where contract = 'events' order by 1, 2")
        )

    def everything(self) -> list[list[tuple[Any, ...]]]:
        return [self.rows(f"select * from weft_quality.{model} order by all") for model in QUALITY]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("quality")
    load = roll(seed=1, rows=ROWS)
    made = World(Project(raw=folder / "raw", scratch=folder), load)
    dated = [row | {"loaded_at": "2026-06-30"} for row in DECISIONS]
    others = {
        "consent/decision": dated,
        "consent/erasure_request": REQUESTS,
        "hubspot/contact": [CONTACT],
        "pos/loyalty_member": [{"member_id": "L1", "birth_date": "in May", "loaded_at": "2026-06-30"}],
        "shopify/refund": [
            {"id": "1", "order_id": "999", "created_at": "2026-06-30"},
            {"id": "2", "order_id": next(each.split(":")[2] for each in bad_orders(load)), "created_at": "2026-06-30"},
        ],
    }
    made.write({**dict.fromkeys(declared(), ()), **load.tables, **others}, day=1)
    made.shown = made.build()
    made.shown += made.project.dbt("test", "--select", *QUALITY, "--exclude-resource-type", "unit_test").stdout
    return made


def bad_orders(load: Load) -> list[str]:
    return [
        each
        for each, why in load.reasons.items()
        if each.startswith("shopify:order:") and why == "total_price: below 0"
    ]


def test_every_row_is_used_or_in_quarantine_with_its_reason_and_none_gets_lost(world: World) -> None:
    expected = world.load.events(lambda reason: reason not in (None, LEFT_OUT))
    refunds = {
        "shopify:refund:1": "order_id: no such order",
        "shopify:refund:2": "order_id: its order is held back",
    }
    assert len(expected) > 50
    assert world.quarantined() == expected | refunds
    used = {event for (event,) in world.rows("select event_id from events")}
    assert used == set(world.load.events(lambda reason: reason is None))
    left_out = world.rows("select event_id from checked_events where held_because like 'left out: %'")
    assert {event for (event,) in left_out} == set(world.load.events(lambda reason: reason == LEFT_OUT))
    sums = world.rows("select source, contract, rows_in, rows_used, rows_quarantined from weft_quality.source_quality")
    assert {contract for _, contract, *_ in sums} == {"identifiers", "events", "traits", "consents", "erasures"}
    assert all(rows_in == rows_used + held for _, _, rows_in, rows_used, held in sums)
    events = {source: rows_in for source, contract, rows_in, *_ in sums if contract == "events"}
    kept = world.load.events(lambda reason: reason != LEFT_OUT) | refunds
    assert events == {source: sum(each.startswith(f"{source}:") for each in kept) for source in events}


def test_rows_without_a_key_are_counted_by_their_table(world: World) -> None:
    found = world.rows(
        "select source || '/' || raw_table, count_rows, record_id from weft_quality.quarantine where contract = 'raw'"
    )
    expected = {table: count for table, count in world.load.without_key.items() if count}
    assert {table: count for table, count, record in found if record == ""} == expected


def test_a_refusal_counts_whatever_else_is_wrong_with_it_and_a_grant_does_not(world: World) -> None:
    said = world.rows("select identifier_value, status, cast(occurred_at as varchar) from consents order by 1, 3")
    assert said == [
        ("a@example.com", "granted", "2026-01-01 00:00:00"),
        ("a@example.com", "denied", "2026-07-01 00:00:00"),
    ]
    held = world.rows("select reason, count_rows from weft_quality.quarantine where contract = 'consents' order by all")
    assert held == [
        *[("identifier_value: missing", 1), ("occurred_at: missing", 1)],
        *[("purpose: missing", 1), ("purpose: missing", 1)],
    ]
    assert world.rows("select identifier_value, cast(requested_at as varchar) from erasures") == [
        (ERASED, "2026-07-01 00:00:00")
    ]
    assert ("erasures", 1) in world.rows("select contract, count_rows from weft_quality.quarantine")


def test_quarantine_names_no_value_and_no_erased_person(world: World) -> None:
    held = world.rows("select record_id from weft_quality.quarantine where reason = 'purpose: missing' order by 1")
    assert [record == "" for (record,) in held] == [True, False]
    columns = {
        column for (column,) in world.rows("select column_name from duckdb_columns() where table_name = 'quarantine'")
    }
    assert columns == {"source", "contract", "raw_table", "record_id", "reason", "count_rows", "seen_at"}
    text = json.dumps([[str(value) for value in row] for row in world.rows("select * from weft_quality.quarantine")])
    assert "@" not in text
    assert "example.com" not in world.shown
    assert "in May" not in world.shown


def test_what_is_soft_late_or_in_quarantine_is_said_in_words(world: World) -> None:
    assert "1 rows of pos.loyalty_member that were loaded in the last 7 days break a rule of its yml" in world.shown
    assert "birth_date: not a date" in world.shown
    assert "hubspot.contact was last loaded never" in world.shown
    assert "rows that pos brought for events are in quarantine" in world.shown
    assert "ERROR=0" in world.shown


def test_the_command_line_shows_it(world: World) -> None:
    environment = os.environ | {
        "WEFT_DUCKDB_PATH": str(world.project.scratch / "warehouse.duckdb"),
        "WEFT_MANIFEST": str(world.project.scratch / "target" / "manifest.json"),
    }
    done = python("weft", "sources", "--json", cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert {"source", "contract", "rows_in", "rows_used", "rows_quarantined"} < set(shown["contracts"][0])
    reasons = {(row["raw_table"], row["reason"]) for row in shown["quarantine"]}
    assert ("purchase", "total: not a decimal") in reasons
    assert {row["raw_table"]: row["is_late"] for row in shown["raw_tables"]}["contact"] is True


def test_a_second_run_changes_nothing_and_mended_rows_come_back(world: World) -> None:
    before = world.everything()
    world.build()
    assert world.everything() == before

    for table, rows in world.load.tables.items():
        keyed = [row for row in rows if any(row.get(name) for name in ("id", "receipt_id"))]
        world.write({table: keyed}, day=1)  # a row without a key can only be mended where it is
        world.write({table: world.load.mended[table]}, day=2)
    last = {"id": "999", "email": "late@example.com", "currency": "EUR", "total_price": "1.00"}
    last |= {"created_at": "2026-06-30", "_fivetran_synced": "2026-06-30 23:00:00", "_fivetran_deleted": "false"}
    world.write({"shopify/order": [*world.load.mended["shopify/order"], last]}, day=2)
    world.build()
    assert world.quarantined() == {}
    used = {event for (event,) in world.rows("select event_id from events")}
    assert used == {*world.load.reasons, "shopify:refund:1", "shopify:refund:2", "shopify:order:999"}
    assert world.rows("select 1 from weft_quality.quarantine where contract = 'raw'") == []
