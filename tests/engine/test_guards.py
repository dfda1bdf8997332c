"""Guards and bad input: one message, nothing sent, nothing changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from reverse_etl.errors import ConfigError, FeedError, GuardTripped
from reverse_etl.guards import Evidence, Guards, allowed, judge
from reverse_etl.report import Plan, Status
from reverse_etl.runs import latest
from reverse_etl.tables import ensure, relations
from tests.engine.shop import AS_OF, Shop
from warehouse.base import Relation


def guards(**settings: object) -> Guards:
    return Guards.model_validate(settings)


@pytest.mark.parametrize(
    ("rule", "name", "decision"),
    [
        (guards(max_removed="20% from 4 rows"), "max_removed", "removals"),
        (guards(max_removed=1), "max_removed", "removals"),
        (guards(max_removed_rows=1), "max_removed_rows", "removals"),
        (guards(max_changed="10% from 0"), "max_changed", "changes"),
        (guards(min_rows=3), "min_rows", "rows"),
    ],
)
def test_a_guard_stops_the_run_and_a_person_can_let_it_pass_once(
    shop: Shop, rule: Guards, name: str, decision: str
) -> None:
    shop.add("ada", "bea", "cid", "dot")
    shop.run()
    calls = list(shop.account.calls)
    del shop.people["ada"], shop.people["bea"]
    shop.people["cid"]["orders"] = 7

    with pytest.raises(GuardTripped, match=name) as stopped:
        shop.run(guards=rule)
    assert "exposure shop_contacts" in stopped.value.where
    assert f"`weft run shop_contacts --allow {decision}`" in stopped.value.fix
    assert f"weft/allow: {decision}" in stopped.value.fix
    assert [guard.name for guard in stopped.value.guards] == [name]
    assert shop.account.calls == calls
    assert latest(shop.warehouse)[0]["status"] == Status.STOPPED
    assert [guard.name for guard in shop.plan(guards=rule).tripped] == [name]

    shop.run(guards=rule, allow=frozenset({decision}))
    assert shop.account.rows == shop.eligible()


def test_the_stop_message_names_limit_and_figure_and_repeats_what_was_let_pass(shop: Shop) -> None:
    shop.add("ada", "bea", "cid")
    shop.run()
    del shop.people["ada"]
    shop.people["cid"]["orders"] = 7
    with pytest.raises(GuardTripped) as stopped:
        shop.run(guards=guards(max_removed=0, max_changed=0), allow=frozenset({"removals"}))
    assert stopped.value.what == (
        "The run of 'shop_contacts' was stopped, and nothing was sent: "
        "max_changed allows 0 rows, the plan has 1 of 3 changed."
    )
    assert "--allow removals --allow changes" in stopped.value.fix
    assert "weft/allow: removals,changes" in stopped.value.fix


def test_a_share_of_few_rows_says_nothing_unless_it_is_written_so(shop: Shop) -> None:
    shop.add(*(f"p{number:02}" for number in range(20)))
    shop.run()
    for number in range(5):
        del shop.people[f"p{number:02}"]
    assert [guard.name for guard in shop.plan(guards=guards(max_removed="20%")).tripped] == ["max_removed"]
    assert shop.plan(guards=guards(max_removed="25%")).tripped == ()
    assert shop.plan(guards=guards(max_removed="20% from 21 rows")).tripped == ()


@pytest.mark.parametrize(
    ("word", "told"), [("removal", "did you mean 'removals'?"), ("max_changed", "'changes'"), ("x", "rows")]
)
def test_what_cannot_be_allowed_is_refused_with_what_can(word: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        allowed(["checks", word], "--allow")
    assert told in refused.value.fix
    assert "removals (max_removed, max_removed_rows), changes (max_changed)" in refused.value.fix


def test_who_said_no_or_is_suppressed_is_removed_even_when_a_guard_stops_the_rest(any_shop: Shop) -> None:
    shop = any_shop
    shop.add("ada", "bea", "cid", "dot", "eve", "fay", "gil")
    shop.run()
    shop.add("hal")
    shop.people["gil"]["orders"] = 9
    del shop.people["ada"], shop.people["bea"], shop.people["cid"]  # three leave; of them
    shop.suppressed += [
        ("email", "cid@example.com"),
        ("profile_id", "eve"),
    ]  # Cid complained, and Eve asks to be erased
    shop.granted.remove("dot")  # Dot says no
    rule = guards(max_removed=1)

    with pytest.raises(GuardTripped, match="the 3 rows that people asked to be removed: max_removed") as stopped:
        shop.run(guards=rule)

    assert "2 of 7 removed (and 3 that people asked for)" in stopped.value.what
    assert set(shop.account.rows) == {f"{name}@example.com" for name in ("ada", "bea", "fay", "gil")}
    assert shop.account.rows["gil@example.com"]["orders"] == 1
    [run] = latest(shop.warehouse)
    assert (run["status"], run["sent"], run["applied"]) == (Status.STOPPED, 3, 3)
    held_back = {row["row_key"] for row in shop.engine("sync_plan") if row["reason"] == "guard"}
    assert held_back == {f"{name}@example.com" for name in ("ada", "bea", "gil", "hal")}

    assert shop.run(guards=rule, allow=frozenset({"removals"})).applied == 4
    assert shop.account.rows == shop.eligible()


def test_a_stopped_run_keeps_its_plan_to_be_looked_at(shop: Shop) -> None:
    shop.add("ada", "bea")
    with pytest.raises(GuardTripped, match="nothing was sent"):
        shop.run(guards=guards(min_rows=5))
    assert {(row["op"], row["reason"]) for row in shop.engine("sync_plan")} == {("add", None)}
    assert shop.account.calls == []
    assert shop.run(guards=guards(min_rows=5), allow=frozenset({"rows"})).applied == 2


def test_a_resync_is_no_change_too_many() -> None:
    plan = Plan("run", "shop", AS_OF, change=40, applied_rows=40, feed_rows=40)
    rule = guards(max_changed="60%")
    [_, changed] = judge(rule, plan, Evidence())
    assert (changed.name, changed.tripped) == ("max_changed", True)
    assert [result.name for result in judge(rule, replace(plan, resync=True), Evidence())] == ["min_rows"]


def test_the_command_that_lets_a_resync_pass_is_one_for_a_resync(shop: Shop) -> None:
    shop.add("ada", "bea")
    shop.run()
    del shop.people["ada"]
    with pytest.raises(GuardTripped) as stopped:
        shop.run(guards=guards(max_removed=0), resync=True)
    assert "`weft run shop_contacts --resync --allow removals`" in stopped.value.fix


def test_the_message_says_how_much_of_a_change_is_the_mappings(shop: Shop) -> None:
    shop.add("ada", "bea")
    shop.run()
    shop.columns = (*shop.columns, "city")
    for row in shop.people.values():
        row["city"] = "Ulm"
    with pytest.raises(GuardTripped, match=r"2 of 2 changed \(2 by the change of mapping alone\)"):
        shop.run(guards=guards(max_changed=1))


def test_a_lost_table_of_consents_does_not_empty_the_audience(shop: Shop) -> None:
    shop.add("ada", "bea", "cid")
    shop.run()
    shop.load()
    shop.warehouse.execute(f"delete from {shop.relation('profile_consents')}")
    with pytest.raises(GuardTripped, match=r"nothing was sent: .* 3 of 3 removed"):
        shop.run(load=False, guards=guards(max_removed=2))
    assert len(shop.account.rows) == 3


def test_an_empty_feed_never_empties_the_audience(shop: Shop) -> None:
    shop.add("ada", "bea")
    shop.run()
    shop.people.clear()
    with pytest.raises(GuardTripped, match="min_rows"):
        shop.run()
    assert len(shop.account.rows) == 2
    assert shop.run(guards=guards(min_rows=0)).applied == 2
    assert shop.account.rows == {}


def test_old_data_stops_the_run(shop: Shop) -> None:
    shop.add("ada")
    events = shop.relation("profile_events")
    shop.load()
    shop.warehouse.execute(f"create table {events} (received_at timestamp)")
    shop.warehouse.insert(events, ["received_at"], [(AS_OF - timedelta(hours=40),)])
    with pytest.raises(GuardTripped, match="max_age"):
        shop.run(guards=guards(max_age="36h"), events=events)
    shop.run(guards=guards(max_age="2d"), events=events)
    assert len(shop.account.rows) == 1


FEED, MODEL, TEST = "model.shop.sync_shop", "model.shop.profiles", "test.shop.not_null_profiles_id.1a2b"


def record(shop: Shop, results: dict[str, tuple[str, int | None]], at: datetime = AS_OF) -> None:
    """Write what dbt's last run came to."""
    ensure(shop.warehouse)
    table = relations(shop.warehouse)["dbt_results"]
    shop.warehouse.execute(f"delete from {table}")
    rows = [(node, status, failures, at, at) for node, (status, failures) in results.items()]
    shop.warehouse.insert(table, ["node_id", "status", "failures", "as_of", "recorded_at"], rows)


def test_what_failed_upstream_stops_the_run_until_it_is_mended(any_shop: Shop) -> None:
    any_shop.add("ada")
    rules: dict[str, Any] = {"guards": guards(checks=True), "feed_id": FEED, "upstream": frozenset({FEED, MODEL, TEST})}
    elsewhere = {"model.shop.other": ("error", None), "test.shop.other.1": ("fail", 3)}
    record(any_shop, elsewhere | {FEED: ("skipped", None), MODEL: ("success", None), TEST: ("fail", 3)})

    with pytest.raises(GuardTripped, match="checks") as stopped:
        any_shop.run(**rules)
    assert "2 (model sync_shop: skipped, test not_null_profiles_id: 3 rows)" in stopped.value.what
    assert any_shop.account.calls == []

    any_shop.run(**rules, allow=frozenset({"checks"}))
    assert len(any_shop.account.rows) == 1
    record(any_shop, elsewhere | {FEED: ("success", None), MODEL: ("success", None), TEST: ("skipped", None)})
    any_shop.run(**rules)


def test_a_feed_that_dbt_has_not_built_for_long_stops_the_run(any_shop: Shop) -> None:
    any_shop.add("ada")
    rules: dict[str, Any] = {"guards": guards(max_feed_age="2d"), "feed_id": FEED}
    with pytest.raises(GuardTripped, match="has not been seen to build"):
        any_shop.run(**rules)
    record(any_shop, {FEED: ("success", None)}, AS_OF - timedelta(days=2, hours=5))
    with pytest.raises(GuardTripped, match="a feed built within 2 d, the plan has one of 2 d 5 h ago"):
        any_shop.run(**rules)
    record(any_shop, {FEED: ("error", None)}, AS_OF)
    with pytest.raises(GuardTripped, match="ended as 'error'"):
        any_shop.run(**rules)
    record(any_shop, {FEED: ("success", None)}, AS_OF - timedelta(days=1))
    any_shop.run(**rules)
    assert len(any_shop.account.rows) == 1


def test_a_null_or_repeated_key_is_refused_before_anything(any_shop: Shop) -> None:
    any_shop.add("ada", "bea", "cid", "dot")
    any_shop.people["ada"]["email"] = None
    any_shop.people["cid"]["email"] = any_shop.people["bea"]["email"]
    with pytest.raises(FeedError) as refused:
        any_shop.run()
    assert "1 of 4 rows have no email and 1 rows repeat the email of another" in str(refused.value)
    assert "bea@example.com" not in str(refused.value)
    assert any_shop.account.calls == []


def test_a_missing_feed_or_column_is_named(shop: Shop) -> None:
    shop.load()
    with pytest.raises(FeedError, match="not in the warehouse"):
        shop.run(feed=Relation("weft_shop", "nowhere"))
    with pytest.raises(FeedError, match="lacks external_id"):
        shop.run(key="external_id")
    with pytest.raises(FeedError, match="mean nothing to Memory: orders"):
        shop.run(object="strict")
