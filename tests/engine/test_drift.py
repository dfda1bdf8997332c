"""The destination's own count against what it confirmed."""

from __future__ import annotations

from typing import Any

import pytest

from reverse_etl.destinations.base import Count
from reverse_etl.drift import Drift, measure
from reverse_etl.guards import Bound
from tests.engine.account import Memory
from tests.engine.shop import Shop

FULL: dict[str, Any] = {"object": "full"}


def drift(shop: Shop, **changes: Any) -> Drift:
    found = measure(shop.warehouse, shop.sync(**FULL | changes), Memory(shop.account))
    assert found is not None
    return found


def test_a_destination_that_holds_what_it_confirmed_has_no_drift(any_shop: Shop) -> None:
    any_shop.add("ada", "bea")
    any_shop.account.refused = {"bea@example.com"}
    any_shop.run(**FULL)
    found = drift(any_shop, drift=Bound(rows=0))
    assert (found.there_low, found.held_low, found.held_high, found.difference, found.is_outside) == (1, 1, 1, 0, False)


@pytest.mark.parametrize(
    ("lost", "strangers", "bound", "difference", "outside"),
    [
        (1, 0, Bound(rows=0), -1, True),
        (1, 0, Bound(rows=1), -1, False),
        (1, 0, Bound(percent=20.0, floor=1), -1, True),
        (1, 0, Bound(percent=25.0, floor=1), -1, False),
        (0, 2, Bound(percent=25.0, floor=1), 2, True),
        (2, 2, Bound(rows=0), 0, False),
        (4, 0, None, -4, False),
    ],
)
def test_it_is_outside_when_it_differs_by_more_than_the_sync_allows(
    shop: Shop, lost: int, strangers: int, bound: Bound | None, difference: int, outside: bool
) -> None:
    shop.add("ada", "bea", "cid", "dot")
    shop.run(**FULL)
    for key in sorted(shop.account.rows)[:lost]:
        del shop.account.rows[key]
    for number in range(strangers):
        shop.account.rows[f"stranger-{number}"] = {}

    found = drift(shop, drift=bound)

    assert (found.difference, found.is_outside) == (difference, outside)
    assert found.to_dict()["difference"] == difference


def test_rows_in_jobs_and_in_doubt_may_be_there_or_not(any_shop: Shop) -> None:
    any_shop.add("ada", "bea", "cid", "dot")
    any_shop.run(**FULL)
    state = any_shop.warehouse.engine_schema + ".sync_state"
    any_shop.warehouse.execute(f"update {state} set in_doubt = true where row_key like 'ada%'")
    any_shop.warehouse.execute(f"update {state} set job_id = 'j' where row_key like 'bea%'")

    found = drift(any_shop, drift=Bound(rows=0))
    assert (found.held_low, found.held_high, found.difference) == (2, 4, 0)
    any_shop.account.rows = {"dot@example.com": {}}
    assert drift(any_shop, drift=Bound(rows=0)).is_outside


def test_a_destination_that_counts_roughly_drifts_only_beyond_its_own_word(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.add("ada", "bea")
    shop.run(**FULL)
    for low, high, difference in ((0, 1_000, 0), (0, 1, -1), (3, 1_000, 1)):
        monkeypatch.setattr(Memory, "count", lambda self, delivery, low=low, high=high: Count(low, high))
        assert drift(shop).difference == difference


def test_a_destination_that_does_not_count_is_not_asked(shop: Shop) -> None:
    shop.add("ada")
    shop.run()
    assert measure(shop.warehouse, shop.sync(drift=Bound(rows=0)), Memory(shop.account)) is None


def test_before_the_first_run_all_that_is_there_is_too_much(shop: Shop) -> None:
    shop.account.rows = {"old@example.com": {}}
    assert drift(shop).difference == 1
