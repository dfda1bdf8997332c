"""Whatever happens: the destination ends equal to the consented feed, and nothing forbidden is sent."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from reverse_etl.errors import AmbiguousCall
from reverse_etl.rows import Op, Row
from tests.engine.account import Killed
from tests.engine.conftest import duckdb_project
from tests.engine.shop import Shop
from warehouse.profile import open_warehouse

people = st.sampled_from(["ada", "bea", "cid", "dot", "eve", "fay"])


class Life(RuleBasedStateMachine):
    """A shop, its customers and a destination that breaks."""

    @initialize(asynchronous=st.booleans())
    def begin(self, asynchronous: bool) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.warehouse = open_warehouse(duckdb_project(Path(self.folder.name)), env={})
        self.warehouse.execute("create schema weft_shop")
        self.shop = Shop(self.warehouse)
        self.where: dict[str, Any] = {"guards": {"min_rows": 0}}
        if asynchronous:
            self.where |= {"object": "list", "target": "L1"}

    @rule(person=people)
    def enters(self, person: str) -> None:
        self.shop.add(person)

    @rule(person=people)
    def leaves(self, person: str) -> None:
        self.shop.people.pop(person, None)

    @rule(person=people, orders=st.integers(1, 3))
    def orders(self, person: str, orders: int) -> None:
        if person in self.shop.people:
            self.shop.people[person]["orders"] = orders

    @rule(person=people)
    def withdraws(self, person: str) -> None:
        self.shop.granted.discard(person)

    @rule(person=people)
    def is_suppressed(self, person: str) -> None:
        self.shop.suppressed.append(("email", f"{person}@example.com"))

    @rule(refused=st.sets(people, max_size=2), poison=st.sets(people, max_size=1))
    def has_bad_rows(self, refused: set[str], poison: set[str]) -> None:
        self.shop.account.refused = {f"{person}@example.com" for person in refused}
        self.shop.account.poison = {f"{person}@example.com" for person in poison}

    @rule(call=st.integers(1, 2), point=st.sampled_from(["before", "after"]), broken=st.booleans())
    def runs_and_breaks(self, call: int, point: str, broken: bool) -> None:
        calls = 0

        def fault(op: Op, rows: Sequence[Row]) -> None:
            nonlocal calls
            calls += 1
            if calls == call:
                raise AmbiguousCall("The connection broke.") if broken else Killed

        setattr(self.shop.account, point, fault)
        self.sends_only_what_it_may()
        setattr(self.shop.account, point, None)

    @rule(slow=st.integers(0, 20))
    def runs(self, slow: int) -> None:
        self.shop.account.slow = slow
        self.sends_only_what_it_may()

    def sends_only_what_it_may(self) -> None:
        self.shop.account.seen.clear()
        with suppress(AmbiguousCall, Killed):
            self.shop.run(settle_seconds=5, **self.where)
        allowed = set(self.shop.eligible())
        assert all(key in allowed for op, key in self.shop.account.seen if op is not Op.REMOVE)

    @invariant()
    def the_ledger_accounts_for_every_row(self) -> None:
        if not hasattr(self, "shop") or not self.warehouse.query(
            "select 1 from duckdb_tables() where table_name = 'sync_runs'"
        ):
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
        self.shop.account.slow = 0
        self.shop.account.refused, self.shop.account.poison = set(), set()
        for row in self.shop.people.values():  # the rows in quarantine change, which lets them out
            row["first_name"] += "!"
        self.shop.run(**self.where)
        assert self.shop.account.rows == self.shop.eligible()
        assert self.shop.run(**self.where).sent == 0
        self.warehouse.close()
        self.folder.cleanup()


Life.TestCase.settings = settings(
    max_examples=12, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
TestLife = Life.TestCase
