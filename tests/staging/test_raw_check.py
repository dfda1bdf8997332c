"""A raw table that is missing or has changed is one message, before anything is built."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from sqlglot import exp

from warehouse.base import Column, Relation
from warehouse.errors import ConfigError
from warehouse.manifest import Manifest
from warehouse.raw_check import check_raw

ORDER = {"id": "bigint", "email": "varchar", "total_price": "decimal(12, 2)", "created_at": "timestamp"}


def no_tables(relation: Relation) -> list[Column]:
    return []


def manifest(folder: Path, declared: Mapping[str, tuple[str, Mapping[str, str]]]) -> Manifest:
    """A parsed project: table name to how it is read (empty: a table in the warehouse) and its columns."""
    sources = {
        f"source.weft.raw_shop.{name}": {
            "unique_id": f"source.weft.raw_shop.{name}",
            "resource_type": "source",
            "name": name,
            "schema": "raw_shop",
            "identifier": name,
            "relation_name": read or f"db.raw_shop.{name}",
            "original_file_path": "models/staging/shop/_shop__sources.yml",
            "columns": {column: {"name": column, "data_type": kind} for column, kind in columns.items()},
        }
        for name, (read, columns) in declared.items()
    }
    file = folder / "manifest.json"
    file.write_text(json.dumps({"metadata": {"adapter_type": "duckdb"}, "nodes": {}, "sources": sources}))
    return Manifest.load(file)


def write(folder: Path, name: str, columns: Mapping[str, pa.DataType]) -> Path:
    file = folder / "shop" / "order" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    pa.parquet.write_table(pa.table({column: pa.array([], type=kind) for column, kind in columns.items()}), file)
    return file


GOOD = {"id": pa.int64(), "email": pa.string(), "total_price": pa.decimal128(12, 2), "created_at": pa.timestamp("us")}


def parquet(folder: Path) -> Manifest:
    return manifest(folder, {"order": (f"read_parquet('{folder}/shop/order/*.parquet', union_by_name=true)", ORDER)})


def message(folder: Path, project: Manifest) -> str:
    with pytest.raises(ConfigError) as caught:
        check_raw(project, no_tables, root=folder)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_files_as_declared_pass_and_so_do_more_columns_and_columns_without_any_value(tmp_path: Path) -> None:
    write(tmp_path, "day_0001.parquet", GOOD)
    write(tmp_path, "day_0002.parquet", GOOD | {"email": pa.null(), "new": pa.string()})
    write(tmp_path, "day_0003.parquet", GOOD | {"email": pa.dictionary(pa.int32(), pa.string())})
    check_raw(parquet(tmp_path), no_tables)


def test_a_renamed_column_is_named_with_its_file_and_its_likely_new_name(tmp_path: Path) -> None:
    write(tmp_path, "day_0001.parquet", GOOD)
    changed = {("total_price_eur" if name == "total_price" else name): kind for name, kind in GOOD.items()}
    file = write(tmp_path, "day_0002.parquet", changed)
    text = message(tmp_path, parquet(tmp_path))
    assert f"{file}: the column total_price is missing; was it renamed to total_price_eur?" in text
    assert "day_0001" not in text
    assert "sources yml" in text


def test_a_column_of_another_type_is_named_with_both_types(tmp_path: Path) -> None:
    file = write(tmp_path, "day_0001.parquet", GOOD | {"created_at": pa.string()})
    assert f"{file}: the column created_at holds text, not a timestamp" in message(tmp_path, parquet(tmp_path))


def test_a_table_without_a_file_is_named_by_its_folder(tmp_path: Path) -> None:
    (tmp_path / "shop" / "order").mkdir(parents=True)
    assert f"{tmp_path}/shop/order: there is no *.parquet" in message(tmp_path, parquet(tmp_path))


def test_a_raw_folder_that_does_not_exist_is_one_line_and_not_one_per_table(tmp_path: Path) -> None:
    tables = {name: (f"read_parquet('{tmp_path}/no/{name}/*.parquet')", ORDER) for name in ("order", "refund")}
    text = message(tmp_path, manifest(tmp_path, tables))
    assert "There are no raw files." in text
    assert f"where: {tmp_path}/no\n" in text
    assert "WEFT_RAW" in text


def test_a_file_cut_short_is_named(tmp_path: Path) -> None:
    file = write(tmp_path, "day_0001.parquet", GOOD)
    file.write_bytes(file.read_bytes()[:-10])
    assert f"{file}: is not a parquet file" in message(tmp_path, parquet(tmp_path))


TEXTS: list[tuple[str, str, str, str | None]] = [
    ("csv", "csv", "\ufeffmember_id,tier\nL1,gold\n", None),
    ("csv", "csv", "member_id,tier\n", None),
    ("csv", "csv", "member_id,level\nL1,gold\n", "the column tier is missing"),
    ("csv", "csv", "", "has no header line"),
    ("json", "ndjson", '{"member_id": "L1"}\n{"member_id": "L2", "tier": null}\n', None),
    ("json", "ndjson", "", None),
    ("json", "ndjson", '{"member_id": "L1", "teir": "gold"}\n', "the column tier is missing; was it renamed to teir?"),
    ("json", "ndjson", '{"member_id": "L1", \n', "is not newline-delimited JSON"),
]


@pytest.mark.parametrize(("form", "suffix", "content", "problem"), TEXTS)
def test_text_files_are_checked_by_their_names(
    tmp_path: Path, form: str, suffix: str, content: str, problem: str | None
) -> None:
    file = tmp_path / f"day_0001.{suffix}"
    file.write_text(content, encoding="utf-8")
    columns = {"member_id": "varchar", "tier": "varchar"}
    project = manifest(tmp_path, {"member": (f"read_{form}('{tmp_path}/*.{suffix}', header=true)", columns)})
    if problem is None:
        check_raw(project, no_tables)
    else:
        assert f"{file}: {problem}" in message(tmp_path, project)


def in_the_warehouse(columns: Mapping[str, str]) -> Callable[[Relation], Sequence[Column]]:
    found = [
        Column(name, name.upper(), exp.DataType.build(kind, dialect="snowflake")) for name, kind in columns.items()
    ]
    return lambda relation: found if relation.name == "order" else []


SNOWFLAKE = {"id": "number(38,0)", "email": "text", "total_price": "number(12,2)", "created_at": "timestamp_ntz"}


def test_tables_in_the_warehouse_are_checked_too(tmp_path: Path) -> None:
    project = manifest(tmp_path, {"order": ("", ORDER)})
    check_raw(project, in_the_warehouse(SNOWFLAKE))
    with pytest.raises(ConfigError, match=r"raw_shop\.order: the column id holds text, not a number"):
        check_raw(project, in_the_warehouse(SNOWFLAKE | {"id": "text"}))
    with pytest.raises(ConfigError, match=r"raw_shop\.refund: there is no such table"):
        check_raw(manifest(tmp_path, {"refund": ("", ORDER)}), in_the_warehouse(SNOWFLAKE))


def test_the_sources_of_the_project_declare_every_column(raw_columns: Callable[[], Any]) -> None:
    tables: dict[str, dict[str, str]] = raw_columns()
    assert len(tables) == 24
    assert all(columns and all(columns.values()) for columns in tables.values())
