"""One set of vectors for both: what Python hashes and sends is what the warehouse compared and stitched."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import phonenumbers
import pytest

from reverse_etl.normalise import normalise_email, normalise_phone
from tests.staging.conftest import Project

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
COUNTRIES = ("AT", "DE", "ES", "FR", "GB", "IT", "NL", "US")


def vectors(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def in_sql(columns: dict[str, str], source: str, project: Project) -> list[dict[str, Any]]:
    """Run one select with the project's macros on DuckDB; give its rows."""
    selected = ", ".join(f"{expression} as {name}" for name, expression in columns.items())
    select = f"select {selected} from {source}"
    ran = project.dbt("--quiet", "show", "--inline", select, "--limit", "-1", "--output", "json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    rows: list[dict[str, Any]] = json.loads(ran.stdout[ran.stdout.index("{") :])["show"]
    return rows


@pytest.mark.parametrize("vector", vectors("emails.csv"), ids=lambda vector: vector["why"])
def test_an_email_is_normalised_in_python(vector: dict[str, str]) -> None:
    assert normalise_email(vector["given"]) == (vector["expected"] or None)


@pytest.mark.parametrize("vector", vectors("phones.csv"), ids=lambda vector: f"{vector['country']} {vector['why']}")
def test_a_phone_number_is_normalised_in_python(vector: dict[str, str]) -> None:
    assert normalise_phone(vector["given"], vector["country"] or None) == (vector["expected"] or None)


def test_gmail_addresses_are_folded_only_on_request() -> None:
    assert normalise_email("An.na+shop@googlemail.com", fold_gmail=True) == "anna@gmail.com"
    assert normalise_email("An.na+shop@googlemail.com") == "an.na+shop@googlemail.com"
    assert normalise_email("an.na+shop@example.com", fold_gmail=True) == "an.na+shop@example.com"


def test_nothing_is_nothing() -> None:
    assert normalise_email(None) is None
    assert normalise_phone(None, "DE") is None


def written(number: phonenumbers.PhoneNumber) -> list[str]:
    """A number in the ways that people write it."""
    styles = phonenumbers.PhoneNumberFormat
    national = phonenumbers.format_number(number, styles.NATIONAL)
    e164 = phonenumbers.format_number(number, styles.E164)
    return [e164, f"00{e164[1:]}", phonenumbers.format_number(number, styles.INTERNATIONAL), national, f" {national} "]


def examples() -> list[dict[str, str]]:
    """The library's own example numbers, in every way of writing them."""
    rows = []
    for country in COUNTRIES:
        for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE):
            number = phonenumbers.example_number_for_type(country, kind)
            assert number is not None
            e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
            rows += [{"given": given, "country": country, "expected": e164} for given in written(number)]
    return rows


def test_sql_agrees_with_python_and_with_the_phone_library(project: Project, tmp_path: Path) -> None:
    phones, emails = vectors("phones.csv") + examples(), vectors("emails.csv")
    cases = [{"kind": "phone", "country": p["country"], "given": p["given"], "expected": p["expected"]} for p in phones]
    cases += [{"kind": "email", "country": "", "given": e["given"], "expected": e["expected"]} for e in emails]
    file = tmp_path / "cases.json"
    file.write_text(json.dumps(cases), encoding="utf-8")

    columns = {
        "given": "given",
        "country": "country",
        "expected": "nullif(expected, '')",
        "got": "case kind when 'phone' then {{ normalise_phone('given', \"nullif(country, '')\") }}"
        " else {{ normalise_email('given') }} end",
    }
    rows = in_sql(columns, f"read_json('{file}')", project)

    assert len(rows) == len(cases)
    assert [row for row in rows if row["got"] != row["expected"]] == []
