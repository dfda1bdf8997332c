"""What the ledger keeps, what it lets go, and that it is looked at once a day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reverse_etl import leases, retention, runs
from reverse_etl.retention import Dropped
from reverse_etl.sync_block import Retention
from tests.engine.account import Killed
from tests.engine.shop import Shop
from tests.engine.test_faults import on_call

DAY = 86_400
KEEP: dict[str, Any] = {"retention": Retention(ledger=timedelta(days=10))}


def lines(shop: Shop) -> list[tuple[str, str, str]]:
    return sorted((row["row_key"][:3], row["op"], row["outcome"]) for row in shop.engine("sync_ledger"))


def prune(shop: Shop, run_id: str = "now") -> Dropped:
    sync = shop.sync(**KEEP)
    with leases.hold(shop.warehouse, sync, run_id, shop.clock):
        return retention.prune(shop.warehouse, sync, run_id, shop.clock.now())


def test_old_lines_go_but_for_the_last_word_on_what_the_destination_may_hold(any_shop: Shop) -> None:
    any_shop.add("ada", "bea", "cid", "dot")
    any_shop.account.refused = {"bea@example.com"}
    any_shop.account.flaky = {"cid@example.com"}
    any_shop.run()
    any_shop.clock.sleep(DAY)
    any_shop.people["ada"]["orders"] = 2
    any_shop.account.flaky = set()
    del any_shop.people["dot"]
    any_shop.run()
    assert len(lines(any_shop)) == 7

    any_shop.clock.sleep(8 * DAY)
    assert prune(any_shop) == Dropped(), "nothing is old enough"
    any_shop.clock.sleep(DAY + DAY / 2)
    assert prune(any_shop) == Dropped(lines=4, runs=1), "the first run's lines, all of them superseded"
    assert lines(any_shop) == [
        ("ada", "change", "applied"),
        ("cid", "add", "applied"),
        ("dot", "remove", "applied"),
    ]

    any_shop.clock.sleep(DAY)
    assert prune(any_shop) == Dropped(lines=1), "of who was removed nothing stays; the run still has lines"
    any_shop.clock.sleep(1_000 * DAY)
    assert prune(any_shop) == Dropped()
    assert lines(any_shop) == [("ada", "change", "applied"), ("cid", "add", "applied")]


def test_a_row_that_may_have_arrived_is_remembered(any_shop: Shop) -> None:
    any_shop.add("ada")
    _, any_shop.account.after = on_call(1, Killed())  # type: ignore[assignment]
    try:
        any_shop.run()
    except Killed:
        any_shop.account.after = None
    any_shop.granted.clear()
    any_shop.run(mode="upsert")
    any_shop.clock.sleep(100 * DAY)
    prune(any_shop)
    assert lines(any_shop) == [("ada", "add", "ambiguous")]


def test_another_syncs_lines_are_its_own_affair(any_shop: Shop) -> None:
    any_shop.add("ada")
    any_shop.account.refused = {"ada@example.com"}
    any_shop.run(name="another")
    any_shop.clock.sleep(100 * DAY)
    assert prune(any_shop) == Dropped()
    assert len(lines(any_shop)) == 1


def test_runs_go_with_their_lines_and_never_while_a_job_of_theirs_is_open(any_shop: Shop) -> None:
    listed: dict[str, Any] = {"object": "list", "target": "L1"}
    any_shop.add("ada")
    any_shop.account.slow = 1_000
    any_shop.run(**listed)
    any_shop.plan(**listed)
    any_shop.clock.sleep(100 * DAY)
    any_shop.run(**listed, settle_seconds=0)
    last = runs.latest(any_shop.warehouse)[0]["run_id"]

    assert prune(any_shop, last) == Dropped(runs=1), "the preview"
    assert len(runs.latest(any_shop.warehouse, limit=9)) == 2


def test_members_that_a_killed_adoption_had_read_do_not_stay(any_shop: Shop) -> None:
    any_shop.add("ada")
    any_shop.run()
    members = f"{any_shop.warehouse.engine_schema}.sync_members"
    any_shop.warehouse.execute(
        f"insert into {members} (sync_name, row_key) values ('shop_contacts', 'ada@example.com')"
    )
    prune(any_shop)
    any_shop.clock.sleep(DAY)
    prune(any_shop, "tomorrow")
    assert any_shop.engine("sync_members") == []


def test_it_is_due_once_a_day_for_each_sync(any_shop: Shop) -> None:
    any_shop.add("ada")

    def due() -> bool:
        [last] = runs.latest(any_shop.warehouse, "shop_contacts")
        return retention.is_due(any_shop.warehouse, any_shop.sync(), last["run_id"], any_shop.clock.now())

    any_shop.run(name="another")
    any_shop.run()
    first = due()
    any_shop.run()
    second = due()
    any_shop.clock.sleep(DAY)
    any_shop.run()
    assert (first, second, due()) == (True, False, True)


def test_a_ledger_without_an_old_run_is_not_even_read(any_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    any_shop.add("ada")
    any_shop.run()
    said: list[str] = []
    execute = any_shop.warehouse.execute

    def listening(sql: Any, *rest: Any) -> int:
        said.append(any_shop.warehouse.render(sql))
        return execute(sql, *rest)

    monkeypatch.setattr(any_shop.warehouse, "execute", listening)
    any_shop.clock.moment += timedelta(days=2)
    assert prune(any_shop) == Dropped()
    assert not any("sync_ledger" in one for one in said)
