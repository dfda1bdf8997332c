"""Identity changes in the plan, on both warehouses: what becomes of the record of who turned out to be another."""

from __future__ import annotations

from typing import Any

import pytest

from reverse_etl.rows import Op
from tests.engine.shop import Shop

FOLDS: dict[str, Any] = {"object": "full", "on_merge": "merge", "mode": "upsert"}


def test_the_record_of_a_merged_person_is_removed_even_where_nothing_else_is(any_shop: Shop) -> None:
    any_shop.add("ada", "bea", "cid")
    any_shop.run(mode="upsert")
    any_shop.merge("bea", "ada")
    del any_shop.people["cid"]
    plan = any_shop.plan(mode="upsert")
    assert (plan.remove, plan.removed_because) == (1, {"merged": 1})
    any_shop.run(mode="upsert")
    assert set(any_shop.account.rows) == {"ada@example.com", "cid@example.com"}
    assert any_shop.plan(mode="upsert").rows == 0


def test_in_a_mirror_the_reason_is_told(any_shop: Shop) -> None:
    any_shop.add("ada", "bea", "cid")
    any_shop.run()
    any_shop.merge("bea", "ada")
    del any_shop.people["cid"]
    assert any_shop.plan().removed_because == {"left": 1, "merged": 1}
    any_shop.run()
    assert any_shop.account.rows == any_shop.eligible()


def test_a_destination_that_can_folds_the_one_record_into_the_other(any_shop: Shop) -> None:
    any_shop.add("ada", "bea")
    any_shop.run(**FOLDS)
    any_shop.merge("bea", "ada")
    any_shop.people["ada"]["orders"] = 5
    plan = any_shop.plan(**FOLDS)
    assert (plan.merge, plan.remove, plan.change) == (1, 0, 1)
    [row] = [row for row in any_shop.engine("sync_plan") if row["op"] == "merge"]
    assert (row["seq"], row["into_key"], row["into_id"], row["destination_id"], row["reason"]) == (
        1,
        "ada@example.com",
        "id-ada@example.com",
        "id-bea@example.com",
        "merged",
    )
    any_shop.run(**FOLDS)
    assert any_shop.account.merged == [("bea@example.com", "ada@example.com")]
    assert set(any_shop.account.rows) == {"ada@example.com"}
    assert any_shop.run(**FOLDS).sent == 0
    # A resync knows that the record was folded away: its key may stand for the survivor there.
    assert any_shop.plan(**FOLDS | {"mode": "mirror"}, resync=True).remove == 0


def test_a_merge_waits_until_the_survivor_is_there(any_shop: Shop) -> None:
    any_shop.add("bea")
    any_shop.run(**FOLDS)
    any_shop.add("ada")
    any_shop.merge("bea", "ada")
    plan = any_shop.plan(**FOLDS)
    assert (plan.add, plan.merge, plan.remove, plan.blocked) == (1, 0, 0, {"merging": 1})
    any_shop.run(**FOLDS)
    assert any_shop.run(**FOLDS).planned["merge"] == 1
    assert set(any_shop.account.rows) == {"ada@example.com"}


def test_a_chain_of_merges_is_followed_to_its_end(any_shop: Shop) -> None:
    any_shop.add("ada", "bea", "cid", "dot")
    any_shop.run(**FOLDS)
    any_shop.merge("dot", "cid")
    any_shop.merge("cid", "bea")
    any_shop.merge("bea", "ada")
    any_shop.plan(**FOLDS)
    merged = {row["row_key"]: row["into_key"] for row in any_shop.engine("sync_plan") if row["op"] == "merge"}
    assert merged == dict.fromkeys(("bea@example.com", "cid@example.com", "dot@example.com"), "ada@example.com")


def test_somebody_who_was_split_off_again_is_not_taken_for_merged(any_shop: Shop) -> None:
    any_shop.add("ada", "bea")
    any_shop.run(mode="upsert")
    any_shop.merge("bea", "ada")
    any_shop.run(mode="upsert")
    assert set(any_shop.account.rows) == {"ada@example.com"}
    any_shop.split("ada", "bea")
    any_shop.granted.add("bea")
    assert any_shop.run(mode="upsert").planned["add"] == 1
    assert any_shop.account.rows == any_shop.eligible()
    del any_shop.people["bea"]  # leaves the feed, and lives
    assert any_shop.plan(mode="upsert").rows == 0


def test_after_a_split_the_newcomer_waits_for_consent_of_its_own(any_shop: Shop) -> None:
    any_shop.add("ada")
    any_shop.run()
    any_shop.split("ada", "bea")
    assert any_shop.plan().blocked == {"consent": 1}
    any_shop.granted.add("bea")
    any_shop.run()
    assert any_shop.account.rows == any_shop.eligible()


def test_nobody_is_merged_into_who_may_not_be_sent(any_shop: Shop) -> None:
    any_shop.add("ada", "bea")
    any_shop.run(**FOLDS)
    any_shop.merge("bea", "ada")
    any_shop.granted.discard("ada")
    assert any_shop.plan(**FOLDS).merge == 0


@pytest.mark.parametrize("suppressed", [("profile_id", "bea"), ("email", "bea@example.com")])
def test_the_record_of_a_forgotten_person_is_removed_and_not_handed_on(
    any_shop: Shop, suppressed: tuple[str, str]
) -> None:
    any_shop.add("ada", "bea")
    any_shop.run(**FOLDS)
    any_shop.merge("bea", "ada")
    any_shop.suppressed = [suppressed]
    plan = any_shop.plan(**FOLDS)
    assert (plan.merge, plan.remove) == (0, 1)


def test_a_sync_may_keep_the_records_of_merged_people(any_shop: Shop) -> None:
    any_shop.add("ada", "bea")
    any_shop.run(mode="upsert")
    any_shop.merge("bea", "ada")
    assert any_shop.plan(mode="upsert", on_merge="keep").rows == 0


def test_a_key_that_lives_on_with_the_survivor_is_no_merge(any_shop: Shop) -> None:
    any_shop.add("ada", "bea")
    any_shop.run(**FOLDS)
    email = any_shop.people["bea"]["email"]
    any_shop.merge("bea", "ada")
    any_shop.people["ada"]["email"] = email  # the younger address is the one that is kept
    any_shop.run(**FOLDS)
    ops = {row["row_key"]: row["op"] for row in any_shop.engine("sync_plan")}
    assert ops == {"bea@example.com": str(Op.CHANGE)}
