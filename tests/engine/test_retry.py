"""Retry and quarantine: a person decides what is sent again, and the next run sends it."""

from __future__ import annotations

from typing import Any

import pytest

from reverse_etl import leases, ledger, quarantine
from reverse_etl.errors import ConfigError, DestinationDown, LeaseHeld
from reverse_etl.predicate import parse
from reverse_etl.retry import Retry, retry
from tests.engine.account import Killed, Memory
from tests.engine.shop import Shop
from tests.engine.test_faults import on_call


def again(shop: Shop, where: str, *, dry_run: bool = False, **changes: Any) -> Retry:
    sync = shop.sync(**changes)
    return retry(
        shop.warehouse, sync, Memory.objects[sync.object], parse(where), "by-hand", shop.clock, dry_run=dry_run
    )


def sent(shop: Shop) -> list[str]:
    """Return who the next run sends, by name."""
    shop.account.seen.clear()
    shop.run()
    return sorted(key.removesuffix("@example.com") for _, key in shop.account.seen)


def test_refused_rows_are_sent_again_once_their_cause_is_mended(any_shop: Shop) -> None:
    any_shop.add("ada", "bea", "cid")
    any_shop.account.refused = {"bea@example.com", "cid@example.com"}
    any_shop.run()
    assert any_shop.run().sent == 0
    any_shop.account.refused = {"cid@example.com"}

    found = again(any_shop, "outcome = 'permanent' and code = 'invalid'")

    [group] = found.chosen
    assert (group.op, group.outcome, group.code, group.rows, group.released) == ("add", "permanent", "invalid", 2, 2)
    assert found.written
    assert sent(any_shop) == ["bea", "cid"]
    assert any_shop.run().blocked == {"quarantine": 1}


def test_a_refused_change_is_sent_again(any_shop: Shop) -> None:
    any_shop.add("ada")
    any_shop.run()
    any_shop.people["ada"]["orders"] = 7
    any_shop.account.refused = {"ada@example.com"}
    any_shop.run()
    any_shop.account.refused = set()

    again(any_shop, "op = 'change'")

    any_shop.run()
    assert any_shop.account.rows == any_shop.eligible()


def test_it_goes_by_each_rows_latest_answer(any_shop: Shop) -> None:
    any_shop.add("ada", "bea")
    any_shop.account.refused = {"ada@example.com", "bea@example.com"}
    any_shop.run()
    any_shop.account.refused = {"bea@example.com"}
    any_shop.people["ada"]["orders"] = 2
    any_shop.run()

    assert again(any_shop, "outcome = 'permanent'").rows == 1
    assert sent(any_shop) == ["bea"]


def test_confirmed_rows_are_sent_again_and_removed_where_they_no_longer_belong(any_shop: Shop) -> None:
    any_shop.add("ada", "bea", "cid")
    any_shop.run()
    any_shop.account.rows.clear()  # somebody emptied the list
    del any_shop.people["cid"]

    found = again(any_shop, "outcome = 'applied' and row_key <> 'bea@example.com'")

    assert (found.rows, found.chosen[0].held) == (2, 2)
    assert sent(any_shop) == ["ada", "cid"]
    assert set(any_shop.account.rows) == {"ada@example.com"}


def test_a_dry_run_counts_and_changes_nothing(any_shop: Shop) -> None:
    any_shop.add("ada")
    any_shop.account.refused = {"ada@example.com"}
    any_shop.run()
    before = any_shop.engine("sync_state"), any_shop.engine("sync_leases")

    found = again(any_shop, "true", dry_run=True)

    assert (found.rows, found.written) == (1, False)
    assert (any_shop.engine("sync_state"), any_shop.engine("sync_leases")) == before


def test_rows_in_an_open_job_are_left_alone(any_shop: Shop) -> None:
    any_shop.add("ada", "bea")
    any_shop.account.slow = 1_000
    any_shop.run(object="list", target="L1")

    found = again(any_shop, "outcome = 'accepted'", object="list", target="L1")

    assert (found.rows, found.waiting) == (2, 2)
    assert any_shop.run(object="list", target="L1", settle_seconds=0).blocked == {"waiting": 2}


def test_nothing_is_changed_while_a_run_is_under_way(any_shop: Shop) -> None:
    any_shop.add("ada")
    any_shop.account.refused = {"ada@example.com"}
    any_shop.run()
    with leases.hold(any_shop.warehouse, any_shop.sync(), "running", any_shop.clock):
        with pytest.raises(LeaseHeld, match="run running"):
            again(any_shop, "true")
        with pytest.raises(LeaseHeld, match="run running"):
            quarantine.release(any_shop.warehouse, any_shop.sync(), "by-hand", any_shop.clock)
    assert any_shop.run().blocked == {"quarantine": 1}


def test_an_append_sync_sends_again_what_was_refused_or_is_in_doubt_and_says_what_may_be_there_twice(
    any_shop: Shop,
) -> None:
    append: dict[str, Any] = {"mode": "append", "object": "once"}
    any_shop.add("ada", "bea", "cid", "dot", "eve", "fay")
    any_shop.account.refused = {"ada@example.com"}
    _, any_shop.account.after = on_call(2, Killed())  # type: ignore[assignment]
    with pytest.raises(Killed):
        any_shop.run(**append)
    any_shop.account.refused, any_shop.account.after = set(), None
    assert any_shop.run(**append).sent == 0

    with pytest.raises(ConfigError, match="3 of these rows were confirmed"):
        again(any_shop, "true", **append)
    assert any_shop.run(**append).sent == 0, "nothing of it was written"

    found = again(any_shop, "outcome not in ('applied')", **append)

    assert found.warning.startswith("2 rows may have arrived")
    any_shop.account.seen.clear()
    assert any_shop.run(**append).sent == 3
    assert sorted(key[:3] for _, key in any_shop.account.seen) == ["ada", "eve", "fay"]
    assert any_shop.run(**append).sent == 0


def test_what_failed_for_no_fault_of_its_own_is_planned_again_without_a_retry(any_shop: Shop) -> None:
    any_shop.add("ada")
    _, any_shop.account.before = on_call(1, DestinationDown("No answer."))  # type: ignore[assignment]
    with pytest.raises(DestinationDown):
        any_shop.run()
    any_shop.account.before = None

    assert again(any_shop, "outcome = 'ambiguous' or outcome = 'transient'").rows == 1
    assert sent(any_shop) == ["ada"]


def test_the_quarantine_is_listed_by_code_and_let_go_by_code_by_key_or_as_a_whole(any_shop: Shop) -> None:
    any_shop.add("ada", "bea", "cid", "dot")
    any_shop.account.refused = {"ada@example.com", "bea@example.com"}
    any_shop.account.poison = {"cid@example.com"}
    any_shop.run()

    listed = quarantine.by_code(any_shop.warehouse)
    assert [(row["sync_name"], row["code"], row["count_rows"]) for row in listed] == [
        ("shop_contacts", "invalid", 2),
        ("shop_contacts", "422", 1),
    ]
    assert listed[0]["reason"] == "the address is not valid"
    assert listed[0]["since"] < any_shop.clock.now()
    assert quarantine.by_code(any_shop.warehouse, "another") == []
    assert {row["row_key"] for row in quarantine.rows(any_shop.warehouse, "shop_contacts")} == {
        "ada@example.com",
        "bea@example.com",
        "cid@example.com",
    }
    assert len(quarantine.rows(any_shop.warehouse, limit=2)) == 2

    def release(**chosen: str) -> int:
        return quarantine.release(any_shop.warehouse, any_shop.sync(), "by-hand", any_shop.clock, **chosen)

    any_shop.account.refused, any_shop.account.poison = set(), set()
    assert (release(code="none"), release(key="ada@example.com"), release(code="invalid")) == (0, 1, 1)
    assert sent(any_shop) == ["ada", "bea"]
    assert release() == 1
    assert sent(any_shop) == ["cid"]
    assert quarantine.by_code(any_shop.warehouse) == []


def test_a_quarantine_that_is_older_than_the_ledger_is_still_listed(any_shop: Shop) -> None:
    any_shop.add("ada")
    any_shop.account.refused = {"ada@example.com"}
    any_shop.run()
    any_shop.warehouse.execute(f"delete from {any_shop.warehouse.engine_schema}.sync_ledger")

    [row] = quarantine.by_code(any_shop.warehouse)

    assert (row["code"], row["count_rows"], row["since"]) == ("invalid", 1, None)


def test_the_ledger_is_filtered_and_summed_up(any_shop: Shop) -> None:
    any_shop.add("ada", "bea", "cid")
    any_shop.account.refused = {"bea@example.com"}
    any_shop.run()
    between = any_shop.clock.now()
    del any_shop.people["cid"]
    any_shop.run()

    def keys(limit: int = 100, **filters: Any) -> list[str]:
        found = ledger.read(any_shop.warehouse, "shop_contacts", ledger.Filters(**filters), limit=limit)
        return [row["row_key"][:3] for row in found]

    assert keys() == ["cid", "ada", "bea", "cid"]
    assert keys(code="invalid") == ["bea"]
    assert keys(since=between) == ["cid"]
    assert keys(where=parse("op = 'add' and outcome <> 'permanent'"), limit=1) == ["ada"]
    assert keys(where=parse("row_key like 'c%' or code = 'invalid'"), outcome="applied") == ["cid", "cid"]
    summed = ledger.summary(any_shop.warehouse, "shop_contacts")
    assert [(row["op"], row["outcome"], row["code"], row["answers"]) for row in summed] == [
        ("add", "applied", "", 2),
        ("add", "permanent", "invalid", 1),
        ("remove", "applied", "", 1),
    ]
    later = ledger.summary(any_shop.warehouse, "shop_contacts", ledger.Filters(since=between))
    assert [row["op"] for row in later] == ["remove"]
    assert summed[0]["first_at"] == summed[0]["last_at"] < between
