"""Shops on both warehouses."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import duckdb
import pytest
import yaml

from tests.engine.shop import Shop
from warehouse.base import Warehouse
from warehouse.profile import open_warehouse

_DATABASES = count(1)  # every test has a database of its own on the one server


def project(folder: Path, output: dict[str, object]) -> Path:
    """Write a dbt project that has nothing but a profile."""
    (folder / "dbt_project.yml").write_text("name: shop\nprofile: weft\n")
    profile = {"weft": {"target": "test", "outputs": {"test": output}}}
    (folder / "profiles.yml").write_text(yaml.safe_dump(profile))
    return folder


def duckdb_project(folder: Path) -> Path:
    """Write a project with an empty DuckDB file."""
    duckdb.connect(str(folder / "w.duckdb")).close()
    return project(folder, {"type": "duckdb", "path": "w.duckdb", "schema": "weft", "settings": {"TimeZone": "UTC"}})


def _opened(warehouse: Warehouse) -> Shop:
    shop = Shop(warehouse)
    shop.prepare()
    return shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A shop on DuckDB."""
    with open_warehouse(duckdb_project(tmp_path), env={}) as warehouse:
        yield _opened(warehouse)


@pytest.fixture(params=["duckdb", "snowflake"])
def any_shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    """A shop on DuckDB, then one on Snowflake."""
    if request.param == "duckdb":
        folder = duckdb_project(tmp_path)
    else:
        server = request.getfixturevalue("snowflake")
        folder = project(
            tmp_path,
            {
                "type": "snowflake",
                "account": server["SNOWFLAKE_ACCOUNT"],
                "user": server["SNOWFLAKE_USER"],
                "password": server["SNOWFLAKE_PASSWORD"],
                "host": server["SNOWFLAKE_HOST"],
                "port": int(server["SNOWFLAKE_PORT"]),
                "protocol": "http",
                "database": f"shop_{next(_DATABASES)}",
                "schema": "weft",
            },
        )
    with open_warehouse(folder, env={}) as warehouse:
        yield _opened(warehouse)
