"""How the conformance suite exercises a table: in DuckDB, which is there everywhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from conformance.case import Case, Stage, Values
from reverse_etl.destinations.sql.settings import SqlSettings

#: Nothing is called over HTTP.
ADDRESSES: dict[str, set[str]] = {
    "batch": set(),
    "destination": set(),
    "errors": set(),
    "settings": set(),
    "statements": set(),
    "table": set(),
}

#: What empties or replaces a table that is somebody's.
HARMFUL = re.compile(r"\b(drop|truncate|create or replace)\b", re.IGNORECASE)

_COLUMNS = (
    "customer_id varchar primary key, email varchar check (email like '%@%'), name varchar, tier varchar, orders bigint"
)


def _file(stage: Stage) -> Path:
    path = stage.folder / "shop.duckdb"
    if not path.exists():
        with duckdb.connect(str(path)) as connection:
            connection.execute("create schema crm")
            connection.execute(f"create table crm.people ({_COLUMNS})")
    return path


def settings(stage: Stage) -> SqlSettings:
    return SqlSettings(engine="duckdb", path=str(_file(stage)))


def held(stage: Stage) -> Mapping[str, Values]:
    with duckdb.connect(str(_file(stage))) as connection:
        cursor = connection.execute("select * from crm.people")
        names = [column[0] for column in cursor.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return {row["customer_id"]: {name: str(value) for name, value in row.items() if value is not None} for row in rows}


def person(n: int) -> dict[str, Any]:
    return {
        "customer_id": f"c{n:06}",
        "email": f"person{n}@example.com",
        "name": f"Person {n}",
        "tier": ("gold", "tin")[n % 2],
        "orders": n,
    }


CASES: tuple[Case, ...] = (
    Case(
        "sql",
        "table",
        settings,
        person,
        held,
        target="crm.people",
        filler="name",
        text="name",
        clears="tier",
        refused={"email": "nonsense"},
        unknown="shoe_size",
        missing_target="crm.nobody",
    ),
)
