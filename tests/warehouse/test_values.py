"""Rows that Python holds reach a statement on both warehouses, whatever is in them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from sqlglot import exp

from tests.engine.conftest import any_shop  # noqa: F401
from tests.engine.shop import Shop
from warehouse.base import Values
from warehouse.sql import statement

ODD = ["plain", "it's", 'a "quote"', "back\\slash", "Zoë 🦊", "line\nbreak", "?", "%s", "", None]
_COPY = """
insert into odd (place, word) select numbers.place + 100, numbers.word from weft_values as numbers
where numbers.place is not null
"""


@pytest.fixture
def odd(any_shop: Shop) -> Shop:  # noqa: F811
    """Return a shop with a table to write to."""
    table = any_shop.relation("odd")
    any_shop.warehouse.execute(
        f"create table {table} (place bigint, word varchar, price decimal(12, 2), seen timestamp, is_new boolean)"
    )
    return any_shop


def test_a_statement_reads_values_as_a_table(odd: Shop) -> None:
    sql = statement(_COPY, {"odd": odd.relation("odd")})
    values = Values({"place": "bigint", "word": "varchar"}, (range(len(ODD)), ODD))
    assert odd.warehouse.execute_with(values, sql) == len(ODD)
    found = odd.warehouse.tuples(f"select place, word from {odd.relation('odd')} order by place")
    assert [tuple(row) for row in found] == [(place + 100, word) for place, word in enumerate(ODD)]


def test_values_too_large_for_one_statement_take_several(odd: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warehouse.snow._BINDING", 1_000)
    sql = statement(_COPY, {"odd": odd.relation("odd")})
    words = ["x" * 100] * 50 + ["y" * 5_000]
    assert odd.warehouse.execute_with(Values({"place": "bigint", "word": "varchar"}, (range(51), words)), sql) == 51
    [(rows, characters)] = odd.warehouse.tuples(f"select count(*), sum(length(word)) from {odd.relation('odd')}")
    assert (rows, characters) == (51, 10_000)


def test_inserted_rows_keep_their_types(odd: Shop) -> None:
    rows = [
        (2**62, "it's", Decimal("12.50"), datetime(2026, 7, 1, 12, 30, 5, 250_000), True),
        (None, None, None, None, None),
    ]
    columns = ("place", "word", "price", "seen", "is_new")
    assert odd.warehouse.insert(odd.relation("odd"), columns, rows) == 2
    shown = exp.select(*columns).from_(odd.relation("odd").table()).order_by("place nulls last")
    assert [tuple(row) for row in odd.warehouse.tuples(shown)] == rows
