"""An account that already has members becomes one that a sync knows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from reverse_etl import feed as feeds
from reverse_etl import leases, ledger, runs, tables
from reverse_etl.adopt import Adoption, adopt
from reverse_etl.destinations.base import Delivery, Member
from reverse_etl.drift import measure
from reverse_etl.errors import ConfigError, DestinationDown, GuardTripped, LeaseHeld
from reverse_etl.guards import Bound, Guards
from tests.engine.account import Memory
from tests.engine.shop import Shop

FULL: dict[str, Any] = {"object": "full"}


def adopted(shop: Shop, *, write: bool = True, load: bool = True, **changes: Any) -> Adoption:
    if load:
        shop.load()
    sync = shop.sync(**FULL | changes)
    feed = feeds.inspect(shop.warehouse, sync, Memory)
    return adopt(shop.warehouse, sync, Memory(shop.account), feed, "by-hand", shop.clock, write=write)


def crowd(shop: Shop, *keys: str) -> None:
    shop.account.rows |= {key: {"email": key} for key in keys}


def test_members_of_the_feed_are_sent_again_and_others_are_removed(any_shop: Shop) -> None:
    any_shop.add("ada", "bea", "cid")
    crowd(any_shop, "ada@example.com", "old@example.com", "gone@example.com")

    found = adopted(any_shop)

    assert found == Adoption(
        "shop_contacts", members=3, in_feed=1, held=0, unknown=2, adopted=3, nameless=0, missing=0, written=True
    )
    report = any_shop.run(**FULL)
    assert (report.planned["add"], report.planned["remove"]) == (3, 2)
    assert any_shop.account.rows == any_shop.eligible()
    assert any_shop.run(**FULL).sent == 0


def test_a_look_changes_nothing(any_shop: Shop) -> None:
    any_shop.add("ada")
    any_shop.run(**FULL)
    crowd(any_shop, "old@example.com")
    watched = ("sync_state", "sync_ledger", "sync_runs", "sync_members")
    before = [any_shop.engine(name) for name in watched]

    found = adopted(any_shop, write=False)

    assert (found.members, found.held, found.unknown, found.adopted, found.written) == (2, 1, 1, 1, False)
    assert [any_shop.engine(name) for name in watched] == before


def test_keys_are_compared_as_the_destination_compares_them(any_shop: Shop) -> None:
    any_shop.add("ada", "bea")
    any_shop.run(**FULL)
    any_shop.add("Cid")
    del any_shop.account.rows["bea@example.com"], any_shop.account.rows["ada@example.com"]
    crowd(any_shop, "ADA@example.com", "cid@Example.com ")

    found = adopted(any_shop)

    assert (found.members, found.in_feed, found.held, found.adopted, found.missing) == (2, 2, 1, 1, 1)
    keys = {row["row_key"] for row in any_shop.engine("sync_state")}
    assert keys == {"ada@example.com", "bea@example.com", "cid@example.com"}


def test_a_second_time_nothing_is_left_to_adopt(any_shop: Shop) -> None:
    any_shop.add("ada")
    crowd(any_shop, "ada@example.com", "old@example.com")
    assert adopted(any_shop).adopted == 2
    again = adopted(any_shop)
    assert (again.adopted, again.held) == (0, 2)
    assert len(any_shop.engine("sync_state")) == 2


def test_a_refused_row_that_is_there_after_all_is_known_once(any_shop: Shop) -> None:
    any_shop.add("ada")
    any_shop.account.refused = {"ada@example.com"}
    any_shop.run(**FULL)
    crowd(any_shop, "Ada@example.com")

    assert adopted(any_shop).adopted == 1

    [row] = any_shop.engine("sync_state")
    assert (row["row_key"], row["in_doubt"]) == ("ada@example.com", True)
    any_shop.account.rows, any_shop.account.refused = {"ada@example.com": {}}, set()
    any_shop.people.clear()
    any_shop.run(**FULL, guards=Guards(min_rows=0))
    assert any_shop.account.rows == {}


def test_what_is_removed_of_an_adopted_account_counts_for_the_guard(any_shop: Shop) -> None:
    any_shop.add("ada", "bea", "cid")
    crowd(any_shop, "ada@example.com", "bea@example.com", "cid@example.com", "old@example.com")
    adopted(any_shop)
    with pytest.raises(GuardTripped, match="1 of 4"):
        any_shop.run(**FULL, guards=Guards(max_removed=Bound(percent=20.0, floor=1)))
    allowed = any_shop.run(**FULL, guards=Guards(max_removed=Bound(percent=25.0, floor=1)))
    assert allowed.planned["remove"] == 1


def test_an_upsert_leaves_strangers_where_they_are(any_shop: Shop) -> None:
    any_shop.add("ada")
    crowd(any_shop, "old@example.com")
    adopted(any_shop, mode="upsert")
    assert any_shop.run(**FULL, mode="upsert").planned["remove"] == 0
    assert set(any_shop.account.rows) == {"ada@example.com", "old@example.com"}


def test_the_ledger_and_the_runs_tell_of_it(any_shop: Shop) -> None:
    any_shop.add("ada")
    crowd(any_shop, "ada@example.com", "old@example.com")
    adopted(any_shop)

    told = ledger.read(any_shop.warehouse, "shop_contacts")
    assert {(row["run_id"], row["outcome"], row["code"]) for row in told} == {("by-hand", "ambiguous", "adopted")}
    assert {row["destination_id"] for row in told} == {"id-ada@example.com", "id-old@example.com"}
    [run] = runs.latest(any_shop.warehouse)
    assert (run["status"], run["message"], run["sent"]) == ("done", "adopted 2 members", 0)
    with pytest.raises(ConfigError, match="until now"):
        any_shop.run(object="list", target="L1")
    payloads = {row["row_key"]: json.loads(row["payload"]) for row in any_shop.engine("sync_state")}
    assert payloads["old@example.com"] == {"email": "old@example.com"}


def test_members_without_a_key_are_counted_and_left_alone(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def members(self: Memory, delivery: Delivery) -> Iterator[Member]:
        yield from (Member("", "1"), Member("  ", "2"), Member("a@example.com", "3"), Member("a@example.com", "3"))

    monkeypatch.setattr(Memory, "members", members)
    shop.add("ada")
    found = adopted(shop)
    assert (found.members, found.nameless, found.adopted) == (1, 2, 1)


def test_members_are_not_kept_when_listing_them_breaks_off(any_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def members(self: Memory, delivery: Delivery) -> Iterator[Member]:
        for number in range(60_000):
            yield Member(f"{number}@example.com")
        raise DestinationDown("No answer.")

    any_shop.add("ada")
    with monkeypatch.context() as patch:
        patch.setattr(Memory, "members", members)
        with pytest.raises(DestinationDown):
            adopted(any_shop)
    for table in ("sync_members", "sync_state", "sync_ledger"):
        assert any_shop.engine(table) == []
    crowd(any_shop, "ada@example.com")
    assert adopted(any_shop).adopted == 1


def test_it_waits_for_nobody_and_disturbs_no_run(any_shop: Shop) -> None:
    any_shop.add("ada")
    tables.ensure(any_shop.warehouse)
    with leases.hold(any_shop.warehouse, any_shop.sync(), "running", any_shop.clock), pytest.raises(LeaseHeld):
        adopted(any_shop)


@pytest.mark.parametrize(
    ("changes", "message", "fix"),
    [
        ({"object": "contact"}, "does not tell what contact holds", "it tells that of: full"),
        ({"mode": "append"}, "sends every key once", "mirror"),
    ],
)
def test_what_cannot_be_adopted_is_said(shop: Shop, changes: dict[str, Any], message: str, fix: str) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        adopted(shop, **changes)
    assert fix in refused.value.fix


def test_an_adopted_account_has_no_drift_once_it_is_in_step(any_shop: Shop) -> None:
    any_shop.add("ada", "bea")
    crowd(any_shop, "ada@example.com", "old@example.com", "older@example.com")
    adopted(any_shop)
    any_shop.run(**FULL)
    found = measure(any_shop.warehouse, any_shop.sync(**FULL), Memory(any_shop.account))
    assert found is not None
    assert (found.there_low, found.held_low, found.difference) == (2, 2, 0)
