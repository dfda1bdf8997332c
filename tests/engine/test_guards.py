"""Guards and bad input: one message, nothing sent, nothing changed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reverse_etl.errors import FeedError, GuardTripped
from reverse_etl.guards import Guards
from reverse_etl.report import Status
from reverse_etl.runs import latest
from reverse_etl.tables import exist
from tests.engine.shop import AS_OF, Shop
from warehouse.base import Relation


def guards(**settings: object) -> Guards:
    return Guards.model_validate(settings)


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (guards(max_removed="20%"), "max_removed"),
        (guards(max_removed=1), "max_removed"),
        (guards(max_removed_rows=1), "max_removed_rows"),
        (guards(max_changed="10%"), "max_changed"),
        (guards(min_rows=3), "min_rows"),
    ],
)
def test_a_guard_stops_the_run_and_a_person_can_overrule_it(shop: Shop, rule: Guards, name: str) -> None:
    shop.add("ada", "bea", "cid", "dot")
    shop.run()
    calls = list(shop.account.calls)
    del shop.people["ada"], shop.people["bea"]
    shop.people["cid"]["orders"] = 7

    with pytest.raises(GuardTripped, match=name) as stopped:
        shop.run(guards=rule)
    assert "exposure shop_contacts" in stopped.value.where
    assert shop.account.calls == calls
    assert latest(shop.warehouse)[0]["status"] == Status.STOPPED
    assert [guard.name for guard in shop.plan(guards=rule).tripped] == [name]

    shop.run(guards=rule, allow=frozenset({name}))
    assert shop.account.rows == shop.eligible()


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


def test_a_null_or_repeated_key_is_refused_before_anything(any_shop: Shop) -> None:
    any_shop.add("ada", "bea", "cid", "dot")
    any_shop.people["ada"]["email"] = None
    any_shop.people["cid"]["email"] = any_shop.people["bea"]["email"]
    with pytest.raises(FeedError) as refused:
        any_shop.run()
    assert "1 of 4 rows have no email and 1 rows repeat the email of another" in str(refused.value)
    assert "bea@example.com" not in str(refused.value)
    assert not exist(any_shop.warehouse)
    assert any_shop.account.calls == []


def test_a_missing_feed_or_column_is_named(shop: Shop) -> None:
    shop.load()
    with pytest.raises(FeedError, match="not in the warehouse"):
        shop.run(feed=Relation("weft_shop", "nowhere"))
    with pytest.raises(FeedError, match="lacks external_id"):
        shop.run(key="external_id")
    with pytest.raises(FeedError, match="mean nothing to Memory: orders"):
        shop.run(object="strict")
