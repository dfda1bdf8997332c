"""Whatever the worlds before and after are: what the plan says, done to what is held, gives what should be held."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reverse_etl.report import Plan
from tests.engine.conftest import duckdb_project
from tests.engine.shop import Shop
from warehouse.profile import open_warehouse

NAMES = ("ada", "bea", "cid", "dot", "eve")
EVERYTHING: dict[str, Any] = {"guards": {"min_rows": 0}, "mode": "mirror"}
people = st.dictionaries(
    st.sampled_from(NAMES),
    st.fixed_dictionaries(
        {
            "first_name": st.sampled_from(["Ada", 'O\'Hara "Z"', "Zoë", "", None]),
            "phone": st.sampled_from([None, "+4915100000001", "\x1f", "null"]),
            "orders": st.one_of(st.none(), st.integers(-1, 2**60)),
        }
    ),
)
worlds = st.fixed_dictionaries(
    {
        "people": people,
        "granted": st.sets(st.sampled_from(NAMES)),
        "suppressed": st.lists(st.sampled_from([("email", "ada@example.com"), ("profile_id", "bea")]), max_size=2),
    }
)


def become(shop: Shop, world: dict[str, Any]) -> None:
    shop.people = {name: {"email": f"{name}@example.com", **row} for name, row in world["people"].items()}
    shop.granted, shop.suppressed = world["granted"], world["suppressed"]


def done(shop: Shop, plan: Plan, held: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what is held once a plan was carried out."""
    rows = [row for row in shop.engine("sync_plan") if row["run_id"] == plan.run_id and row["op"] != "none"]
    assert sorted(row["seq"] for row in rows) == list(range(1, plan.rows + 1))
    for row in rows:
        payload = json.loads(row["payload"])
        if row["op"] == "remove":
            del held[row["row_key"]]
            continue
        old = held.get(row["row_key"], {})
        if row["op"] == "change":
            differing = {column for column in payload if payload[column] != old[column]}
            assert set(row["changed_columns"].strip(",").split(",")) == differing
        held[row["row_key"]] = payload
    return held


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(before=worlds, after=worlds)
def test_a_plan_leads_from_what_is_held_to_what_should_be(before: dict[str, Any], after: dict[str, Any]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        open_warehouse(duckdb_project(Path(folder)), env={}) as warehouse,
    ):
        warehouse.execute("create schema weft_shop")
        shop = Shop(warehouse)
        become(shop, before)
        shop.run(**EVERYTHING)
        held = shop.eligible()
        assert shop.plan(**EVERYTHING).rows == 0

        become(shop, after)
        assert done(shop, shop.plan(**EVERYTHING), dict(held)) == shop.eligible()

        shop.run(**EVERYTHING)
        strays = {key: row for key, row in held.items() if key not in shop.eligible()}
        for _ in range(2):
            shop.account.rows = dict(strays)  # and everybody who should be there is lost
            shop.run(resync=True, **EVERYTHING)
            assert set(shop.account.rows) == set(shop.eligible())
        assert shop.plan(**EVERYTHING).rows == 0
