"""The life of a sync, on both warehouses: what arrives, what leaves, and what is never sent."""

from __future__ import annotations

import pytest

from reverse_etl.errors import ConfigError
from reverse_etl.report import Status
from reverse_etl.rows import Op
from tests.engine.shop import Shop


def test_first_run_adds_and_the_second_sends_nothing(any_shop: Shop) -> None:
    any_shop.add("ada", "bea", "cid", "dot", "eve")
    report = any_shop.run()
    assert (report.status, report.planned, report.applied) == (
        Status.DONE,
        {"add": 5, "change": 0, "remove": 0, "merge": 0},
        5,
    )
    assert any_shop.account.rows == any_shop.eligible()
    assert report.api_calls == 2

    again = any_shop.run()
    assert (again.sent, again.api_calls, again.planned) == (0, 0, {"add": 0, "change": 0, "remove": 0, "merge": 0})
    assert any_shop.account.checked == 1


def test_changes_and_removals_reach_the_destination(any_shop: Shop) -> None:
    any_shop.add("ada", "bea", "cid")
    any_shop.run()
    any_shop.people["ada"]["orders"] = 2
    del any_shop.people["bea"]
    any_shop.account.calls.clear()

    plan = any_shop.plan()
    assert (plan.add, plan.change, plan.remove, plan.removed_because) == (0, 1, 1, {"left": 1})
    assert (plan.api_calls, plan.feed_rows, plan.applied_rows) == (2, 2, 3)
    [changed] = [row for row in any_shop.engine("sync_plan") if row["op"] == "change"]
    assert changed["changed_columns"] == "orders,"

    any_shop.run()
    assert any_shop.account.rows == any_shop.eligible()
    assert [op for op, _ in any_shop.account.calls] == [Op.REMOVE, Op.CHANGE]


def test_withdrawn_consent_and_suppression_are_removals_and_never_sent_again(any_shop: Shop) -> None:
    any_shop.add("ada", "bea", "cid", "dot")
    any_shop.run()
    any_shop.granted.discard("ada")
    any_shop.suppressed = [("email", "bea@example.com"), ("profile_id", "cid")]
    any_shop.people["bea"]["email"] = "bea@example.com"

    report = any_shop.run()
    assert report.planned["remove"] == 3
    assert report.blocked == {"consent": 1, "suppression": 2}
    assert set(any_shop.account.rows) == {"dot@example.com"}

    any_shop.account.seen.clear()
    assert any_shop.run().blocked == {"consent": 1, "suppression": 2}
    assert any_shop.account.seen == []


def test_a_refused_row_is_quarantined_until_it_changes(any_shop: Shop) -> None:
    any_shop.add("ada", "bea")
    any_shop.account.refused = {"bea@example.com"}
    assert any_shop.run().refused == 1
    again = any_shop.run()
    assert (again.sent, again.blocked) == (0, {"quarantine": 1})

    any_shop.account.refused = set()
    any_shop.people["bea"]["first_name"] = "Beatrix"
    assert any_shop.run().applied == 1
    assert any_shop.account.rows == any_shop.eligible()


def test_a_new_column_is_a_change_by_mapping(any_shop: Shop) -> None:
    any_shop.columns = ("email", "phone", "first_name")
    any_shop.add("ada", "bea", "cid")
    any_shop.run()
    any_shop.columns = ("email", "phone", "first_name", "orders")
    any_shop.people["cid"]["first_name"] = "Sid"

    plan = any_shop.plan()
    assert (plan.change, plan.changed_by_mapping) == (3, 2)
    any_shop.run()
    any_shop.columns = ("orders", "first_name", "email")
    assert (any_shop.plan().change, any_shop.plan().changed_by_mapping) == (3, 3)
    any_shop.run()
    any_shop.columns = ("email", "orders", "first_name")
    assert any_shop.plan().rows == 0
    assert any_shop.account.rows == any_shop.eligible()


def test_another_target_is_refused_while_the_first_still_holds_rows(any_shop: Shop) -> None:
    any_shop.add("ada", "bea")
    any_shop.run(object="list", target="L1")

    for attempt in (any_shop.plan, any_shop.run):
        with pytest.raises(ConfigError, match="delivered to memory, list L1 until now") as refused:
            attempt(object="list", target="L2")
        assert "another name" in refused.value.fix
    assert any_shop.run(object="list", target="L1").sent == 0


def test_a_job_that_outlives_its_run_is_settled_by_the_next(any_shop: Shop) -> None:
    any_shop.add("ada", "bea", "cid")
    any_shop.account.slow = 1000
    any_shop.account.refused = {"bea@example.com"}
    first = any_shop.run(object="list", target="L1")
    assert (first.status, first.accepted, first.applied) == (Status.OPEN, 3, 0)

    waiting = any_shop.run(object="list", target="L1", settle_seconds=0)
    assert (waiting.status, waiting.sent, waiting.blocked) == (Status.OPEN, 0, {"waiting": 3})

    any_shop.account.slow = 0
    any_shop.people["ada"]["orders"] = 9
    last = any_shop.run(object="list", target="L1")
    assert (last.status, last.settled_before, last.applied) == (Status.DONE, {"applied": 2, "permanent": 1}, 1)
    assert last.blocked == {"quarantine": 1}
    assert any_shop.account.rows["ada@example.com"]["orders"] == 9


def test_asynchronous_rows_are_applied_within_the_run(any_shop: Shop) -> None:
    any_shop.add("ada", "bea")
    any_shop.account.slow = 2
    report = any_shop.run(object="list", target="L1")
    assert (report.status, report.applied, report.accepted) == (Status.DONE, 2, 0)
    assert any_shop.run(object="list", target="L1").sent == 0
