"""Every spelling against tests/data/hashing: the vendors' own published examples, and ours."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path
from typing import NamedTuple

import pytest

from reverse_etl.hashing.table import Table, told
from reverse_etl.hashing.vendors import TABLES

FOLDER = Path(__file__).parents[1] / "data" / "hashing"


class Vector(NamedTuple):
    """One row of a file."""

    vendor: str
    column: str
    country: str
    input: str
    normalised: str
    hash: str
    source: str


def vectors() -> list[Vector]:
    """Return every row of the files."""
    return [
        Vector(**row)
        for file in sorted(FOLDER.glob("*.csv"))
        for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines())
    ]


@pytest.mark.parametrize("vector", vectors(), ids=lambda vector: f"{vector.vendor} {vector.column} {vector.source}")
def test_values_leave_as_the_vendors_documents_say(vector: Vector) -> None:
    table: Table = TABLES[vector.vendor]
    fields = [field for field in table if field.column == vector.column]
    row = {"country": vector.country or None} | {vector.column: vector.input}

    left = told(table, row)

    assert [field.spell(vector.input, vector.country or None) for field in fields][:1] == [vector.normalised]
    assert left.get(fields[0].name, "") == (vector.hash if fields[0].hashed else vector.normalised)


def test_a_vector_is_the_hash_of_its_own_spelling() -> None:
    hashed = [vector for vector in vectors() if vector.hash and vector.vendor + vector.column != "metadate_of_birth"]

    assert len(hashed) > 200
    assert [vector for vector in hashed if hashlib.sha256(vector.normalised.encode()).hexdigest() != vector.hash] == []
