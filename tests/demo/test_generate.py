"""What the generator promises: the contract's columns, the same rows for the same arguments, whole files or none."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pyarrow.parquet
import pytest

from demo.generate import generate
from demo.schema import TABLES, RawTable
from demo.write import manifest_path, read_manifest
from warehouse.errors import ConfigError

SMALL = 150


def contents(path: Path) -> dict[str, str]:
    """A digest per file of the rows in it, in their order."""
    digests = {}
    for file in sorted(path.glob("*/*/day_*.*")):
        if file.suffix == ".parquet":
            data = str(duckdb.execute(f"select * from read_parquet('{file}')").fetchall()).encode()
        else:
            data = file.read_bytes()
        digests[str(file.relative_to(path))] = hashlib.sha256(data).hexdigest()
    return digests


def two_days(path: Path, *, people: int = SMALL, seed: int = 1, block_size: int = 15_000) -> dict[str, str]:
    for day in (1, 2):
        generate(path, people=people, day=day, seed=seed, block_size=block_size)
    return contents(path)


def test_the_same_arguments_give_the_same_rows_whatever_the_block_size(tmp_path: Path) -> None:
    whole = two_days(tmp_path / "whole")
    assert whole == two_days(tmp_path / "again")
    assert whole == two_days(tmp_path / "blocks", block_size=37)


def test_another_seed_gives_other_rows(tmp_path: Path) -> None:
    one, other = two_days(tmp_path / "one"), two_days(tmp_path / "other", seed=2)
    assert one.keys() & other.keys()
    assert one["shopify/customer/day_0001.parquet"] != other["shopify/customer/day_0001.parquet"]


def test_one_person_is_enough(tmp_path: Path) -> None:
    assert two_days(tmp_path, people=1)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: f"{table.source}/{table.name}")
def test_every_table_has_a_file_with_the_columns_of_its_schema(tmp_path: Path, table: RawTable) -> None:
    generate(tmp_path, people=5, day=1, seed=1)
    file = tmp_path / table.source / table.name / f"day_0001{table.suffix}"
    assert file.exists()
    if table.format == "parquet":
        assert pyarrow.parquet.read_schema(file).equals(table.schema)
    elif table.format == "csv":
        header = file.read_text(encoding="utf-8").splitlines()[0].replace('"', "")
        assert header.split(",") == table.schema.names


def test_a_second_call_writes_nothing(tmp_path: Path) -> None:
    first = generate(tmp_path, people=SMALL, day=1, seed=1)
    stamps = {file: file.stat().st_mtime_ns for file in tmp_path.glob("*/*/*")}
    second = generate(tmp_path, people=SMALL, day=1, seed=1)
    assert (first.written, second.written) == (True, False)
    assert first.rows == second.rows
    assert stamps == {file: file.stat().st_mtime_ns for file in tmp_path.glob("*/*/*")}


def test_a_file_that_was_deleted_is_written_again(tmp_path: Path) -> None:
    before = two_days(tmp_path)
    (tmp_path / "pos" / "purchase" / "day_0001.csv").unlink()
    assert two_days(tmp_path) == before


def test_other_arguments_are_refused_and_force_replaces_every_day(tmp_path: Path) -> None:
    two_days(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(ConfigError, match="already there") as refused:
        generate(tmp_path, people=SMALL + 1, day=1, seed=1)
    assert "--force" in str(refused.value)
    assert contents(tmp_path) == before
    generate(tmp_path, people=SMALL + 1, day=1, seed=1, force=True)
    assert not list(tmp_path.glob("*/*/day_0002.*"))
    assert read_manifest(tmp_path, 2) is None


def test_a_later_day_needs_the_day_before_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs the complete day 1"):
        generate(tmp_path, people=SMALL, day=2, seed=1)
    generate(tmp_path, people=SMALL, day=1, seed=1)
    with pytest.raises(ConfigError, match="of the same seed and people"):
        generate(tmp_path, people=SMALL, day=2, seed=2)


def test_a_later_day_leaves_earlier_files_alone(tmp_path: Path) -> None:
    generate(tmp_path, people=SMALL, day=1, seed=1)
    before = contents(tmp_path)
    generate(tmp_path, people=SMALL, day=2, seed=1)
    after = contents(tmp_path)
    assert {name: after[name] for name in before} == before


def test_a_generator_that_is_killed_leaves_no_half_file_and_the_next_call_completes_the_day(tmp_path: Path) -> None:
    out = tmp_path / "raw"
    command = [sys.executable, "-m", "demo", "generate", "--people", "60000", "--seed", "1", "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ})
    staging = out / ".staging_day_0001" / "segment" / "tracks" / "day_0001.parquet"
    deadline = time.monotonic() + 60
    while not staging.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list(out.glob("*/*/day_*.*"))
    assert not manifest_path(out, 1).exists()
    generate(out, people=SMALL, day=1, seed=1)
    assert not list(out.glob(".staging*"))
    generate(tmp_path / "clean", people=SMALL, day=1, seed=1)
    assert contents(out) == contents(tmp_path / "clean")


def test_a_day_that_was_cut_off_between_files_is_written_again(tmp_path: Path) -> None:
    generate(tmp_path, people=SMALL, day=1, seed=1)
    whole = contents(tmp_path)
    manifest_path(tmp_path, 1).unlink()  # signed last: without it the day does not count
    (tmp_path / "segment" / "tracks" / "day_0001.parquet").unlink()
    assert generate(tmp_path, people=SMALL, day=1, seed=1).written
    assert contents(tmp_path) == whole


@pytest.mark.parametrize(("people", "day"), [(0, 1), (10, 0)])
def test_nonsense_is_refused(tmp_path: Path, people: int, day: int) -> None:
    with pytest.raises(ConfigError):
        generate(tmp_path, people=people, day=day, seed=1)
