"""Whatever the history: no plan has a person without the consent that its sync names, and everybody else is in it.

The models, the plan and the runs are the project's own. The feeds do not ask for consent at all.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reverse_etl.definitions import SyncDefinition
from reverse_etl.engine import plan_sync, run_sync
from tests.consent.conftest import ConsentProject
from tests.consent.histories import PURPOSES, Neighbours, sources
from tests.consent.oracle import Oracle
from tests.engine.account import Account, Line, Memory
from tests.engine.shop import StoppedClock
from warehouse.base import Relation, Warehouse
from warehouse.profile import open_warehouse

START = datetime(2026, 7, 1)
OPT_OUT, OPT_IN = "legitimate_interest", "consent"
REFERENCE: dict[tuple[str, str], tuple[str, str, int | None]] = {
    ("us", "email_marketing"): ("granted", OPT_OUT, None),
    ("us", "advertising"): ("granted", OPT_OUT, 60),
    ("us", "sms_marketing"): ("granted", OPT_IN, None),  # a contradiction, which grants nothing
    ("casl", "email_marketing"): ("denied", OPT_IN, 60),
    ("casl", "advertising"): ("granted", OPT_OUT, None),
    ("gdpr", "sms_marketing"): ("denied", OPT_IN, 200),
}
US = {"email_marketing": (True, None), "advertising": (True, 60)}
RULES: dict[str, dict[str, tuple[bool, int | None]]] = {
    "us": US,
    "us-ca": US,
    "ca": {"email_marketing": (False, 60), "advertising": (True, None)},
    "de": {"sms_marketing": (False, 200)},
    "gdpr": {"sms_marketing": (False, 200)},
}
FEEDS = {
    "sync_memory__everybody": "select profile_id, email from {{ ref('profiles') }} where email is not null",
    "sync_memory__addresses": "select profile_id, identifier_value as email from {{ ref('identity_map') }} "
    "where identifier_type = 'email'",
}
SYNCS = [(feed, purpose, "mirror") for feed in FEEDS for purpose in PURPOSES]
SYNCS.append(("sync_memory__everybody", "email_marketing", "upsert"))


class Streets:
    """The project, its neighbours and the accounts that it delivers to, from run to run."""

    def __init__(self, folder: Path, seed: int, how_many: int) -> None:
        self.project = ConsentProject(folder, {}, ["consent", "profiles"])
        self.project.rules(REFERENCE)
        (folder / "models" / "feeds").mkdir()
        for name, sql in FEEDS.items():
            (folder / "models" / "feeds" / f"{name}.sql").write_text(sql, encoding="utf-8")
        self.oracle = Oracle(RULES)
        dice = random.Random(seed)
        self.neighbours = [Neighbours(f"n{number}", dice, self.oracle) for number in range(how_many)]
        self.accounts = {sync: Account() for sync in SYNCS}
        self.now = START
        self.sent = self.kept_back = 0  # rows, over all runs

    def step(self) -> None:
        """Let ten days pass, build, and run every sync."""
        self.now += timedelta(days=10)
        for each in self.neighbours:
            each.step(self.now)
        self.project.write(sources(self.neighbours, self.now))
        self.oracle.erase()
        selected = ["--select", "+file:profiles.sql", "+suppressions", "feeds"]
        how = ["run"] if self.sent else ["build", "--exclude-resource-type", "unit_test", "test"]
        self.project.build(self.now.isoformat(), *how, *selected)
        with open_warehouse(self.project.folder, env=self.project.project.environment) as warehouse:
            self.check_consents(warehouse)
            for sync in SYNCS:
                self.check_sync(warehouse, sync)

    def check_consents(self, warehouse: Warehouse) -> None:
        """Hold ``profile_consents`` against the oracle, and its statements against it."""
        rows = warehouse.query("select profile_id, purpose, status, is_default from weft_consent.profile_consents")
        held = {(row["profile_id"], row["purpose"]): row["status"] for row in rows}
        people = set(self.oracle.people.values())
        expected = {
            (person, purpose): self.oracle.status(person, purpose, self.now)
            for person in people
            for purpose in PURPOSES
        }
        assert held == {key: status for key, status in expected.items() if status}
        stated = {(row["profile_id"], row["purpose"]) for row in rows if not row["is_default"]}
        deciding = "select profile_id, purpose from weft_consent.consent_statements where standing = 'decides'"
        decided = [(row["profile_id"], row["purpose"]) for row in warehouse.query(deciding)]
        assert sorted(decided) == sorted(stated)

    def check_sync(self, warehouse: Warehouse, which: tuple[str, str, str]) -> None:
        """Plan and run a sync, and look at every row that either would send."""
        feed, purpose, mode = which
        sync, account, clock = definition(warehouse, *which), self.accounts[which], StoppedClock()
        clock.moment = self.now
        rows = warehouse.query(f"select profile_id, email from weft.{feed}")
        may = {
            row["email"] for row in rows if self.oracle.may_be_sent(row["profile_id"], row["email"], purpose, self.now)
        }
        if mode == "upsert":  # planned alone first, as `weft plan` does
            plan = plan_sync(warehouse, sync, Memory, self.now, clock=clock)
            assert planned(warehouse, plan.run_id) <= may
        lines: Any = {"memory": Line(account)}
        report = run_sync(warehouse, sync, lines, self.now, clock=clock)
        assert planned(warehouse, report.run_id) <= may
        assert set(account.rows) >= may
        if mode == "mirror":
            assert set(account.rows) == may
            self.sent += len(may)
            self.kept_back += len(rows) - len(may)


def planned(warehouse: Warehouse, run_id: str) -> set[str]:
    """Return the keys that a plan sends."""
    table = Relation(warehouse.engine_schema, "sync_plan", warehouse.database)
    rows = warehouse.query(f"select row_key from {table} where run_id = '{run_id}' and op in ('add', 'change')")
    return {str(row["row_key"]) for row in rows}


def definition(warehouse: Warehouse, feed: str, purpose: str, mode: str) -> SyncDefinition:
    """Return a sync of a feed."""
    return SyncDefinition(
        name=f"{feed}_{purpose}_{mode}",
        label="A feed that does not ask",
        where="a test",
        feed=Relation("weft", feed, warehouse.database),
        feed_name=feed,
        connection="memory",
        destination="memory",
        object="contact",
        mode=mode,  # type: ignore[arg-type]
        key="email",
        purpose=purpose,
        guards={"min_rows": 0},  # type: ignore[arg-type]
        consents=Relation("weft_consent", "profile_consents", warehouse.database),
        suppressions=Relation("weft_consent", "suppressions", warehouse.database),
        changes=Relation("raw", "identity_changes", warehouse.database),
    )


def play(folder: Path, seed: int, how_many: int, steps: int) -> None:
    streets = Streets(folder, seed, how_many)
    for _ in range(steps):
        streets.step()
    assert streets.sent > how_many
    assert streets.kept_back > how_many


def test_no_plan_has_a_person_without_the_consent_that_its_sync_names(tmp_path: Path) -> None:
    play(tmp_path, seed=1, how_many=60, steps=4)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 6))
def test_nor_has_one_after_a_longer_history(tmp_path: Path, seed: int) -> None:
    play(tmp_path, seed, how_many=200, steps=10)
