"""The coverage of a plan: how many rows a vendor could find somebody by, counted on both warehouses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reverse_etl.report import Coverage
from tests.engine.shop import Shop

SYNC: dict[str, Any] = {"object": "audience", "key": "external_id"}
FOUND = [
    # email, phone, country
    ("ada@example.com", "+49 170 1234567", None),
    (" BEA@Example.com ", "0170 1234567", "DE"),
    ("cid+tag@mail.example.co.uk", None, "DE"),
    (None, "(+1)2125550123", None),
    (None, "0049 170 1234567", None),
    ("a" * 64, None, None),  # a digest that the feed made
]
LOST = [
    (None, None, "DE"),
    ("", "", ""),
    ("n/a", "unknown", "DE"),
    ("ada@example", "0170 1234567", None),  # nobody knows which country's number that is
    ("ada smith@example.com", "12345", "DE"),
    ("@example.com", "ext. 1234567 of ada", "DE"),
    ("ada@", "-", "DE"),
]


def fill(shop: Shop, rows: list[tuple[str | None, str | None, str | None]]) -> None:
    shop.columns = ("external_id", "email", "phone", "country")
    for number, (email, phone, country) in enumerate(rows, start=len(shop.people)):
        name = f"p{number}"
        shop.people[name] = {"external_id": name, "email": email, "phone": phone, "country": country}
        shop.granted.add(name)


def test_rows_with_an_address_a_number_both_and_neither_are_counted(any_shop: Shop) -> None:
    fill(any_shop, FOUND + LOST)

    coverage = any_shop.plan(**SYNC).coverage

    assert coverage == Coverage(rows=13, having={"email": 4, "phone": 4}, every=2, none=7)
    assert str(coverage) == "email 4, phone 4, both 2, neither 7 of 13 rows"


def test_only_rows_to_be_added_or_changed_count(any_shop: Shop) -> None:
    fill(any_shop, FOUND[:3])
    report = any_shop.run(**SYNC)
    assert report.coverage == Coverage(3, {"email": 3, "phone": 2}, 2, 0)

    del any_shop.people["p0"]
    any_shop.people["p1"]["phone"] = None
    plan = any_shop.plan(**SYNC)
    assert (plan.change, plan.remove) == (1, 1)
    assert plan.coverage == Coverage(1, {"email": 1, "phone": 0}, 0, 0)


def test_a_feed_without_numbers_has_none(shop: Shop) -> None:
    fill(shop, FOUND)
    shop.columns = ("external_id", "email")

    assert shop.plan(**SYNC).coverage == Coverage(6, {"email": 4, "phone": 0}, 0, 2)


def test_a_feed_without_countries_has_fewer_numbers(shop: Shop) -> None:
    fill(shop, FOUND)
    shop.columns = ("external_id", "email", "phone")

    assert shop.plan(**SYNC).coverage == Coverage(6, {"email": 4, "phone": 3}, 1, 0)


def test_nothing_is_counted_where_the_vendor_tells_whom_it_knows(shop: Shop) -> None:
    shop.add("ada")

    assert shop.plan().coverage is None
    assert shop.run().coverage is None
    assert {row["coverage"] for row in shop.engine("sync_runs")} == {None}


def test_the_counts_are_kept_with_the_run(shop: Shop) -> None:
    fill(shop, FOUND[:3])
    shop.run(**SYNC)

    [run] = shop.engine("sync_runs")
    assert json.loads(run["coverage"]) == {"rows": 3, "having": {"email": 3, "phone": 2}, "every": 2, "none": 0}


@pytest.mark.parametrize(
    ("coverage", "said"),
    [
        (Coverage(10, {"email": 9}, 9, 1), "email 9, nothing 1 of 10 rows"),
        (Coverage(1_000, {"a": 1, "b": 2, "c": 3}, 0, 4), "a 1, b 2, c 3, all of them 0, neither 4 of 1,000 rows"),
    ],
)
def test_it_is_told_in_words(coverage: Coverage, said: str) -> None:
    assert str(coverage) == said
