"""The payload: the same JSON from the same row, on both warehouses."""

from __future__ import annotations

import json

from sqlglot import exp

from tests.engine.shop import Shop
from warehouse.sql import json_object


def test_every_type_comes_out_the_same(any_shop: Shop) -> None:
    warehouse, relation = any_shop.warehouse, any_shop.relation("typed")
    warehouse.execute(
        f"create table {relation} (name varchar, seen_at timestamp, born date, spent decimal(12, 2), share double, "
        "is_member boolean, visits bigint, missing varchar)"
    )
    warehouse.execute(
        f"insert into {relation} values ('Zoë \"Z\"', '2026-06-30 23:59:58.5', '1990-02-03', 12.5, 0.25, true, 7, null)"
    )
    payload = json_object(warehouse.columns(relation), warehouse.dialect)
    [row] = warehouse.query(exp.select(exp.alias_(payload, "payload")).from_(relation.table()))
    found = json.loads(row["payload"])
    assert list(found) == sorted(found)
    assert found == {
        "name": 'Zoë "Z"',
        "seen_at": "2026-06-30T23:59:58Z",
        "born": "1990-02-03",
        "spent": 12.5,
        "share": 0.25,
        "is_member": True,
        "visits": 7,
        "missing": None,
    }
