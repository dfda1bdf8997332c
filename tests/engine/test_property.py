"""Whatever happens: the destination ends equal to the consented feed, and nothing forbidden is sent.

Histories of people who come, go, change, consent, are suppressed, turn out to be one person or two; of a destination
that refuses, breaks and takes its time; and of runs that are killed, retried and get in each other's way.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from reverse_etl import leases, predicate, quarantine
from reverse_etl.destinations.base import Mode
from reverse_etl.errors import AmbiguousCall, DestinationDown, LeaseHeld
from reverse_etl.place import Place
from reverse_etl.retry import retry
from reverse_etl.rows import Op, Row
from tests.engine.account import Killed, Memory
from tests.engine.conftest import duckdb_project
from tests.engine.shop import Shop
from warehouse.profile import open_warehouse

people = st.sampled_from(["ada", "bea", "cid", "dot", "eve", "fay"])
kinds = st.sampled_from(
    [
        ("mirror", "contact", "remove"),
        ("mirror", "list", "remove"),
        ("mirror", "full", "merge"),
        ("upsert", "contact", "remove"),
        ("upsert", "full", "merge"),
        ("update", "full", "remove"),
        ("append", "contact", "remove"),
        ("append", "once", "remove"),
    ]
)


class Life(RuleBasedStateMachine):
    """A shop, its customers and a destination that breaks."""

    @initialize(kind=kinds)
    def begin(self, kind: tuple[str, str, str]) -> None:
        mode, name, on_merge = kind
        self.folder = tempfile.TemporaryDirectory()
        self.warehouse = open_warehouse(duckdb_project(Path(self.folder.name)), env={})
        self.warehouse.execute("create schema weft_shop")
        self.shop = Shop(self.warehouse)
        self.mode = Mode(mode)
        self.spec = Memory.objects[name]
        self.where: dict[str, Any] = {
            "guards": {"min_rows": 0}, "mode": mode, "object": name, "on_merge": on_merge,
            "target": "L1" if name == "list" else None,
        }  # fmt: skip
        #: every payload that a key ever had while it might be sent
        self.payloads: dict[str, list[Any]] = {}
        self.retried: Counter[str] = Counter()
        if self.mode is Mode.UPDATE:  # some are there before us, and nobody else may be added
            for name in ("ada", "bea", "cid"):
                self.shop.account.rows[f"{name}@example.com"] = dict.fromkeys(self.shop.columns)

    @rule(person=people)
    def enters(self, person: str) -> None:
        if person not in self.shop.people:
            self.shop.add(person)

    @rule(person=people)
    def leaves(self, person: str) -> None:
        self.shop.people.pop(person, None)

    @rule(person=people, name=st.sampled_from(["x", "y"]), phone=st.sampled_from([None, "+4930111", "+4930222"]))
    def changes(self, person: str, name: str, phone: str | None) -> None:
        if person in self.shop.people:
            self.shop.people[person] |= {"first_name": name, "phone": phone}

    @rule(person=people, granted=st.booleans())
    def decides(self, person: str, granted: bool) -> None:
        (self.shop.granted.add if granted else self.shop.granted.discard)(person)

    @rule(person=people, suppressed=st.booleans())
    def is_suppressed(self, person: str, suppressed: bool) -> None:
        entry = ("email", f"{person}@example.com")
        self.shop.suppressed = [item for item in self.shop.suppressed if item != entry] + [entry] * suppressed

    @rule(loser=people, survivor=people)
    def turn_out_to_be_one(self, loser: str, survivor: str) -> None:
        if loser != survivor and {loser, survivor} <= self.shop.people.keys():
            self.shop.merge(loser, survivor)

    @rule(person=people, newcomer=people)
    def turns_out_to_be_two(self, person: str, newcomer: str) -> None:
        if person in self.shop.people and newcomer not in self.shop.people:
            self.shop.split(person, newcomer)

    @rule(refused=st.sets(people, max_size=2), poison=st.sets(people, max_size=1), flaky=st.sets(people, max_size=1))
    def destination_turns_picky(self, refused: set[str], poison: set[str], flaky: set[str]) -> None:
        account = self.shop.account
        account.refused, account.poison, account.flaky = (
            {f"{person}@example.com" for person in group} for group in (refused, poison, flaky)
        )

    @rule()
    def runs(self) -> None:
        self.sends_only_what_it_may()

    @rule(
        call=st.integers(1, 4), point=st.sampled_from(["before", "after"]), how=st.sampled_from([Killed, AmbiguousCall])
    )
    def breaks(self, call: int, point: str, how: type[BaseException]) -> None:
        self._interrupted(call, point, how("the connection broke"))

    @rule(call=st.integers(1, 3))
    def is_down(self, call: int) -> None:
        self._interrupted(call, "before", DestinationDown("it does not answer"))

    @rule(slow=st.integers(0, 50))
    def jobs_take_their_time(self, slow: int) -> None:
        self.shop.account.slow = slow

    @rule()
    def another_run_is_refused_while_one_is_at_work(self) -> None:
        self.shop.load()
        if not self._has_engine():
            return
        calls = len(self.shop.account.calls)
        elsewhere = Place("elsewhere", "another-boot", 1, "1")
        with (
            leases.hold(self.warehouse, self.shop.sync(**self.where), "other", self.shop.clock, elsewhere),
            pytest.raises(LeaseHeld),
        ):
            self.shop.run(**self.where)
        assert len(self.shop.account.calls) == calls

    @rule(outcome=st.sampled_from(["permanent", "ambiguous", "transient", "applied"]))
    def somebody_retries(self, outcome: str) -> None:
        if not self._has_engine() or (self.mode is Mode.APPEND and outcome == "applied"):
            return
        if self.mode is Mode.APPEND and outcome == "ambiguous" and not self.spec.idempotent:
            self.retried.update(self._doubtful())
        where = predicate.parse(f"outcome = '{outcome}'")
        retry(self.warehouse, self.shop.sync(**self.where), self.spec, where, "retry", self.shop.clock)

    @rule()
    def somebody_releases_the_quarantine(self) -> None:
        quarantine.release(self.warehouse, self.shop.sync(**self.where), "release", self.shop.clock)

    @rule()
    def everything_is_sent_again(self) -> None:
        if self.mode is not Mode.APPEND:
            self.sends_only_what_it_may(resync=True)

    def sends_only_what_it_may(self, *, resync: bool = False) -> None:
        account, eligible = self.shop.account, self.shop.eligible()
        for key, payload in eligible.items():
            self.payloads.setdefault(key, []).append(payload)
        account.seen.clear()
        account.merged.clear()
        taken, confirmed = len(account.carried), self._confirmed()
        with suppress(AmbiguousCall, DestinationDown, Killed):
            self.shop.run(settle_seconds=5, resync=resync, **self.where)
        sent = {key for op, key in account.seen if op in (Op.ADD, Op.CHANGE)}
        assert sent <= eligible.keys()
        assert {into for _, into in account.merged} <= eligible.keys()
        if self.mode is Mode.APPEND:
            assert not confirmed & {key for key, _ in account.carried[taken:]}
        if not self.spec.idempotent:
            taken_in_all = Counter(key for key, _ in account.carried)
            assert all(times <= 1 + self.retried[key] for key, times in taken_in_all.items())

    def _interrupted(self, call: int, point: str, error: BaseException) -> None:
        seen: list[int] = []

        def fault(op: Op, rows: Sequence[Row]) -> None:
            seen.append(len(rows))
            if len(seen) == call:
                raise error

        setattr(self.shop.account, point, fault)
        self.sends_only_what_it_may()
        setattr(self.shop.account, point, None)

    @invariant()
    def the_ledger_accounts_for_every_row(self) -> None:
        if not hasattr(self, "shop") or not self._has_engine():
            return
        unaccounted = self.warehouse.query("""
            select plan.row_key from weft_engine.sync_plan as plan
            inner join weft_engine.sync_runs as runs on runs.run_id = plan.run_id and runs.status in ('done', 'open')
            left join weft_engine.sync_ledger as ledger
                on ledger.run_id = plan.run_id and ledger.row_key = plan.row_key and ledger.op = plan.op
            where plan.op <> 'none' and ledger.row_key is null
        """)
        assert unaccounted == []

    def teardown(self) -> None:
        if not hasattr(self, "shop"):
            return
        account = self.shop.account
        account.slow = 0
        account.refused, account.poison, account.flaky = set(), set(), set()
        self._let_rows_out_of_quarantine()
        for _ in range(3):  # a merge may have to wait until the survivor is there, an open job until it is settled
            self.sends_only_what_it_may()
        # who is not there to be updated is asked for again by every run
        assert self.shop.run(**self.where).sent == 0 or self.mode is Mode.UPDATE
        self._ends_right()
        self.warehouse.close()
        self.folder.cleanup()

    def _let_rows_out_of_quarantine(self) -> None:
        for row in self.shop.people.values():
            row["first_name"] += "!"

    def _ends_right(self) -> None:
        rows, eligible = self.shop.account.rows, self.shop.eligible()
        if self.mode is Mode.MIRROR:
            assert rows == eligible
        elif self.mode is Mode.UPSERT:
            assert {key: rows.get(key) for key in eligible} == eligible
            assert all(payload in self.payloads.get(key, []) for key, payload in rows.items() if key not in eligible)
            assert not self._folded(eligible) & rows.keys()
        elif self.mode is Mode.UPDATE:
            assert rows.keys() == {f"{name}@example.com" for name in ("ada", "bea", "cid")}
            assert {key: rows[key] for key in rows.keys() & eligible.keys()} == {
                key: eligible[key] for key in rows.keys() & eligible.keys()
            }
        else:
            assert eligible.keys() <= {key for key, _ in self.shop.account.carried} | self._doubtful()

    def _folded(self, eligible: dict[str, Any]) -> set[str]:
        """Return the keys of people who turned out to be somebody who is in the feed, and are not there themselves."""
        into = {before: now for _, before, now, kind in self.shop.changes if kind == "merge"}
        gone = set()
        for person in into:
            at, seen = person, {person}
            while at in into and at not in self.shop.people and into[at] not in seen:
                at = into[at]
                seen.add(at)
            if at != person and f"{at}@example.com" in eligible and person not in self.shop.people:
                gone.add(f"{person}@example.com")
        return gone

    def _has_engine(self) -> bool:
        return bool(self.warehouse.query("select 1 from duckdb_tables() where table_name = 'sync_runs'"))

    def _confirmed(self) -> set[str]:
        if not self._has_engine():
            return set()
        return {row["row_key"] for row in self.shop.engine("sync_ledger") if row["outcome"] == "applied"}

    def _doubtful(self) -> set[str]:
        return {row["row_key"] for row in self.shop.engine("sync_state") if row["in_doubt"]}


Life.TestCase.settings = settings(
    max_examples=20, stateful_step_count=18, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
TestLife = Life.TestCase
