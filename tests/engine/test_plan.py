"""The plan, on both warehouses: what becomes of every row, and why."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from reverse_etl.errors import ConfigError, FeedError
from reverse_etl.report import Plan
from reverse_etl.rows import Op
from tests.engine.shop import Shop


def planned(shop: Shop, plan: Plan) -> dict[str, dict[str, Any]]:
    """Return the rows of a plan, by key."""
    return {row["row_key"]: row for row in shop.engine("sync_plan") if row["run_id"] == plan.run_id}


def test_rows_to_send_are_numbered_in_the_order_in_which_they_are_sent(any_shop: Shop) -> None:
    any_shop.add("ada", "bea", "cid", "dot")
    any_shop.run()
    del any_shop.people["bea"]
    any_shop.people["dot"]["orders"] = any_shop.people["ada"]["orders"] = 2
    any_shop.add("eve", "abe", "fay")
    any_shop.granted.discard("fay")
    rows = {key: (row["seq"], row["op"]) for key, row in planned(any_shop, any_shop.plan()).items()}
    assert rows == {
        "bea@example.com": (1, "remove"),
        "abe@example.com": (2, "add"),
        "eve@example.com": (3, "add"),
        "ada@example.com": (4, "change"),
        "dot@example.com": (5, "change"),
        "fay@example.com": (None, "none"),
    }


def test_a_plan_holds_rows_in_the_order_of_their_numbers(shop: Shop) -> None:
    # Pages are read by number: where they lie together, the warehouse skips the rest.
    shop.add(*(f"person{number}" for number in range(3000)))
    shop.plan()
    stored = shop.warehouse.query("select seq from weft_engine.sync_plan order by rowid")
    assert [row["seq"] for row in stored] == list(range(1, 3001))


def test_a_change_names_its_columns_and_a_removal_carries_what_was_applied(any_shop: Shop) -> None:
    any_shop.add("ada", "bea", "cid")
    any_shop.run()
    any_shop.people["ada"] |= {"phone": "+4915100000001", "orders": 7}
    del any_shop.people["bea"]
    rows = planned(any_shop, any_shop.plan())
    assert set(rows) == {"ada@example.com", "bea@example.com"}
    assert sorted(rows["ada@example.com"]["changed_columns"].strip(",").split(",")) == ["orders", "phone"]
    assert '"first_name":"Bea"' in rows["bea@example.com"]["payload"].replace('": "', '":"')
    assert rows["bea@example.com"]["destination_id"] == "id-bea@example.com"


def test_a_hash_that_differs_without_a_difference_sends_nothing_and_is_mended(any_shop: Shop) -> None:
    any_shop.add("ada", "bea")
    any_shop.run()
    state = any_shop.relation("x").__class__(
        any_shop.warehouse.engine_schema, "sync_state", any_shop.warehouse.database
    )
    any_shop.warehouse.execute(f"update {state} set row_hash = 'as an older version had it'")
    assert any_shop.plan().rows == 0
    assert {row["row_hash"] for row in any_shop.engine("sync_state")} == {"as an older version had it"}
    assert any_shop.run().sent == 0
    assert "as an older version had it" not in {row["row_hash"] for row in any_shop.engine("sync_state")}
    any_shop.people["ada"]["orders"] = 3
    assert any_shop.plan().change == 1


def test_a_renamed_column_is_a_change_though_no_value_is_another(any_shop: Shop) -> None:
    any_shop.columns = ("email", "phone")
    any_shop.add("ada")
    any_shop.run()
    any_shop.columns = ("email", "phone2")
    plan = any_shop.plan()
    assert (plan.change, plan.changed_by_mapping) == (1, 1)


def test_a_fraction_of_a_second_is_no_change(any_shop: Shop) -> None:
    any_shop.add("ada")
    feed = any_shop.relation("stamped")

    def stamp(moment: datetime) -> None:
        kind = "timestamp" if any_shop.warehouse.dialect == "duckdb" else "timestamp_ntz"
        any_shop.warehouse.execute(f"create or replace table {feed} (profile_id varchar, email varchar, seen {kind})")
        any_shop.warehouse.insert(feed, ["profile_id", "email", "seen"], [("ada", "ada@example.com", moment)])

    stamp(datetime(2026, 6, 1, 12))
    any_shop.run(feed=feed)
    stamp(datetime(2026, 6, 1, 12, 0, 0, 250_000))
    assert any_shop.plan(feed=feed).rows == 0
    stamp(datetime(2026, 6, 1, 12) + timedelta(seconds=1))
    assert any_shop.plan(feed=feed).change == 1


def test_consent_that_is_given_twice_and_denied_once_is_denied_and_no_row_is_repeated(any_shop: Shop) -> None:
    any_shop.add("ada", "bea", "cid")
    any_shop.load()
    consents = any_shop.relation("profile_consents")
    names = ["profile_id", "purpose", "status"]
    rows = [
        ("ada", "email_marketing", "denied"),
        ("bea", "email_marketing", "granted"),
        (None, "email_marketing", "granted"),
    ]
    any_shop.warehouse.insert(consents, names, rows)
    suppressions = any_shop.relation("suppressions")
    any_shop.warehouse.insert(
        suppressions,
        ["identifier_type", "identifier_value"],
        [("email", "cid@example.com")] * 2 + [("email", None), ("profile_id", None)],
    )
    report = any_shop.run(load=False)
    assert (report.planned["add"], report.blocked) == (1, {"consent": 1, "suppression": 1})
    assert set(any_shop.account.rows) == {"bea@example.com"}


def test_an_identifier_is_suppressed_however_the_feed_spells_it(any_shop: Shop) -> None:
    any_shop.add("ada")
    any_shop.people["ada"]["email"] = " Ada@Example.com "
    any_shop.suppressed = [("email", "ada@example.com")]
    plan = any_shop.plan()
    assert (plan.rows, plan.blocked) == (0, {"suppression": 1})


@pytest.mark.parametrize("changed", [True, False])
def test_a_key_that_is_repeated_after_it_was_sent_stops_the_run(any_shop: Shop, changed: bool) -> None:
    any_shop.add("ada", "bea")
    any_shop.run()
    any_shop.people["twin"] = any_shop.people["ada"] | {"orders": 5 if changed else 1}
    if changed:
        any_shop.granted.add("twin")
    with pytest.raises(FeedError, match="1 rows repeat the email of another"):
        any_shop.run()
    assert [row["op"] for row in any_shop.engine("sync_plan")] == ["add", "add"]
    assert any_shop.account.rows["ada@example.com"]["orders"] == 1


def test_a_key_that_becomes_null_stops_the_run(any_shop: Shop) -> None:
    any_shop.add("ada", "bea")
    any_shop.run()
    any_shop.people["ada"]["email"] = ""
    with pytest.raises(FeedError, match="1 of 2 rows have no email"):
        any_shop.run()


def test_a_plan_is_priced_in_calls_minutes_and_attributes(any_shop: Shop) -> None:
    any_shop.add("ada", "bea", "cid", "dot", "eve")
    any_shop.people["ada"]["phone"] = "+4915100000001"
    plan = any_shop.plan(object="billed")
    assert (plan.api_calls, plan.minutes) == (2, 0.0)
    assert plan.billed_units == 5 * 2 + 1  # first_name and orders of everybody, one phone; the key is no attribute
    any_shop.run(object="billed")
    any_shop.people["ada"] |= {"phone": None, "orders": 2}
    any_shop.people["bea"]["orders"] = 2
    assert any_shop.plan(object="billed").billed_units == 3
    any_shop.people = {"ada": any_shop.people["ada"]}
    assert any_shop.plan(object="billed").billed_units == 2


def test_a_vendor_that_does_not_bill_by_attribute_has_no_units(shop: Shop) -> None:
    shop.add("ada")
    assert shop.plan().billed_units is None


def test_a_resync_sends_everybody_again_and_keeps_the_quarantined_back(any_shop: Shop) -> None:
    any_shop.add("ada", "bea", "cid")
    any_shop.account.refused = {"cid@example.com"}
    any_shop.run()
    any_shop.account.rows.clear()
    assert any_shop.plan().rows == 0
    plan = any_shop.plan(resync=True)
    assert (plan.add, plan.change, plan.blocked, plan.resync) == (2, 0, {"quarantine": 1}, True)
    report = any_shop.run(resync=True)
    assert (report.planned["add"], report.applied) == (2, 2)
    assert set(any_shop.account.rows) == {"ada@example.com", "bea@example.com"}
    assert any_shop.run().sent == 0


def test_a_resync_removes_whoever_was_ever_sent_and_should_not_be_there(any_shop: Shop) -> None:
    any_shop.add("ada", "bea", "cid")
    any_shop.run()
    kept = dict(any_shop.account.rows)
    del any_shop.people["bea"]
    any_shop.granted.discard("cid")
    any_shop.run()
    any_shop.account.rows |= kept  # somebody restored an old backup there

    assert any_shop.plan().rows == 0
    plan = any_shop.plan(resync=True)
    assert (plan.add, plan.remove, plan.removed_because) == (1, 2, {"consent": 1, "resync": 1})
    [stray] = [row for row in any_shop.engine("sync_plan") if row["reason"] == "resync" and row["op"] == "remove"]
    assert stray["payload"].replace(" ", "") == '{"email":"bea@example.com"}'
    assert stray["destination_id"] == "id-bea@example.com"
    for _ in range(2):
        any_shop.run(resync=True)
        assert any_shop.account.rows == any_shop.eligible()


def test_a_resync_of_what_only_adds_removes_nothing(any_shop: Shop) -> None:
    any_shop.add("ada", "bea")
    any_shop.run(mode="upsert")
    del any_shop.people["bea"]
    plan = any_shop.plan(mode="upsert", resync=True)
    assert (plan.add, plan.remove) == (1, 0)


def test_a_resync_waits_for_open_jobs(any_shop: Shop) -> None:
    where: dict[str, Any] = {"object": "list", "target": "L1"}
    any_shop.add("ada", "bea")
    any_shop.account.slow = 1000
    any_shop.run(**where)
    plan = any_shop.plan(resync=True, **where)
    assert (plan.rows, plan.blocked) == (0, {"waiting": 2})


def test_a_feed_that_appends_cannot_be_sent_again(shop: Shop) -> None:
    shop.add("ada")
    with pytest.raises(ConfigError, match="it cannot be sent again: every row would be there twice"):
        shop.plan(mode="append", resync=True)
    with pytest.raises(ConfigError, match="appends"):
        shop.run(mode="append", resync=True)
    assert shop.account.seen == []


def test_a_resync_by_update_names_the_columns_that_have_a_value(any_shop: Shop) -> None:
    any_shop.add("ada")
    any_shop.account.rows["ada@example.com"] = {"phone": "+4930111111"}
    any_shop.run(mode="update")
    [row] = planned(any_shop, any_shop.plan(mode="update", resync=True)).values()
    assert row["op"] == str(Op.CHANGE)
    # The phone was filled by somebody else, and the feed has none: it must not be emptied.
    assert set(row["changed_columns"].strip(",").split(",")) == {"email", "first_name", "orders"}
