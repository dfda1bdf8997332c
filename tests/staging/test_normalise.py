"""One set of vectors for all: what Python hashes and sends is what both warehouses compared and stitched."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import phonenumbers
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reverse_etl.normalise import NORMALISERS, normalise_identifier
from tests.identity.conftest import IdentityProject, new_project

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
COUNTRIES = ("AT", "DE", "ES", "FR", "GB", "IT", "NL", "US")
FILES = {"email": "emails", "phone": "phones", "device_id": "devices", "user_id": "user_ids", "name": "names"}

#: Calling codes whose numbers pass with any plausible length, see the macro.
OTHER_COUNTRIES = tuple(
    f"+{code}"
    for code in re.findall(r"\b\d+\b", (ROOT / "macros/normalise/other_calling_codes.sql").read_text("utf-8"))
)

#: (normaliser, value, country, normalised)
Case = tuple[str, str, str | None, str | None]

#: A type for each normaliser, called otherwise, so that it is the rule that counts.
RULES = {f"{each}_type": {"normaliser": each, "priority": 50} for each in NORMALISERS} | {"default": {"priority": 50}}
MODEL = f"""
select
    number,
    case normaliser
        {
    " ".join(
        f"when '{each}' then {{{{ normalise_identifier('{each}_type', 'value', 'country') }}}}" for each in NORMALISERS
    )
}
    end as normalised
from raw.cases
"""


def vectors() -> list[Case]:
    cases: list[Case] = []
    for normaliser, name in FILES.items():
        with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            cases += [
                (normaliser, row["given"], row.get("country") or None, row["expected"] or None)
                for row in csv.DictReader(file)
            ]
    cases += [("text", given, None, expected) for given, expected in ((" a b\u200b", "a b"), ("\u3000", None))]
    return cases + folded()


def folded() -> list[Case]:
    """What the two normalisers fold that a rule has to ask for."""
    gmail = ("An.na+shop@googlemail.com", None, "anna@gmail.com")
    other = ("an.na+shop@example.com", None)
    return [
        ("email_gmail", *gmail),
        ("email_untagged", *gmail),
        ("email_gmail", *other, "an.na+shop@example.com"),
        ("email_untagged", *other, "an.na@example.com"),
        # A plus in front of everything is no tag: without it nothing would be left, and all such addresses were one.
        ("email_gmail", "+shop@gmail.com", None, "+shop@gmail.com"),
        ("email_untagged", "+shop@example.com", None, "+shop@example.com"),
        ("email_untagged", "+a+b@example.com", None, "+a+b@example.com"),
        ("email_gmail", "...@gmail.com", None, "...@gmail.com"),
        ("email_gmail", "anna@notgmail.com", None, "anna@notgmail.com"),
        ("email_gmail", "anna", None, None),
    ]


@pytest.mark.parametrize("case", vectors(), ids=str)
def test_a_value_is_normalised_in_python(case: Case) -> None:
    normaliser, value, country, expected = case
    assert normalise_identifier(value, normaliser, country) == expected


def test_nothing_is_nothing() -> None:
    assert [normalise_identifier(None, each, "DE") for each in NORMALISERS] == [None] * len(NORMALISERS)
    with pytest.raises(ValueError, match="emial"):
        normalise_identifier("a", "emial")


def test_every_vector_says_why() -> None:
    for name in FILES.values():
        with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            assert all(row["why"] for row in csv.DictReader(file)), name


def written(number: phonenumbers.PhoneNumber) -> list[str]:
    """A number in the ways that people write it."""
    styles = phonenumbers.PhoneNumberFormat
    national = phonenumbers.format_number(number, styles.NATIONAL)
    e164 = phonenumbers.format_number(number, styles.E164)
    return [e164, f"00{e164[1:]}", phonenumbers.format_number(number, styles.INTERNATIONAL), national, f" {national} "]


def examples() -> Iterator[Case]:
    """The library's own example numbers, in every way of writing them."""
    for country in COUNTRIES:
        for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE):
            number = phonenumbers.example_number_for_type(country, kind)
            assert number is not None
            e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
            yield from (("phone", given, country, e164) for given in written(number))


def literal(text: str | None) -> str:
    return "null" if text is None else "'" + text.replace("'", "''") + "'"


def normalised(project: IdentityProject, cases: Sequence[Case]) -> list[str | None]:
    """What the project's macros make of the cases, in its warehouse."""
    rows = ", ".join(
        f"({number}, {literal(kind)}, {literal(value)}, {literal(country)})"
        for number, (kind, value, country, _) in enumerate(cases)
    )
    project.execute(
        "create or replace table raw.cases (number integer, normaliser varchar, value varchar, country varchar)",
        f"insert into raw.cases values {rows}",
    )
    (project.folder / "models" / "staging" / "normalised.sql").write_text(MODEL, encoding="utf-8")
    project.dbt("run", "--select", "normalised", variables={"identity_rules": RULES})
    found = dict(project.execute("select number, normalised from weft_staging.normalised"))
    return [found[number] for number in range(len(cases))]


@pytest.mark.parametrize("warehouse", ["duckdb", "snowflake"])
def test_sql_agrees_with_python_and_with_the_phone_library(
    warehouse: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    project = new_project(tmp_path, request.getfixturevalue("snowflake") if warehouse == "snowflake" else None)
    cases = [*vectors(), *examples()]
    got = normalised(project, cases)
    assert [(case, one) for case, one in zip(cases, got, strict=True) if one != case[3]] == []


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The select of the macros, as DuckDB gets it."""
    project = new_project(tmp_path_factory.mktemp("compiled"))
    normalised(project, [("text", "a", None, "a")])
    file = project.folder / "target" / "compiled" / "weft" / "models" / "staging" / "normalised.sql"
    return file.read_text(encoding="utf-8")


#: Text in which what the normalisers look for is likely.
LIKELY = st.text(
    st.sampled_from("aAnß.+-@ .com{}0159()/'\"%_ \t\n\u00a0\u200b\u202a\u0308\u0301éÉİΣσςıＡ＠．－–٣۳李👋\ufffd")
    | st.characters(exclude_categories=["Cs"], exclude_characters="\x00"),
    max_size=24,
)
ADDRESSES = st.builds(
    lambda name, tag, domain: f"{name}{tag}@{domain}.com", LIKELY, st.sampled_from(["", "+x"]), LIKELY
)
NUMBERS = st.builds(lambda digits: digits, st.text("+0123456789 -()", min_size=6, max_size=18))
DEVICES = st.uuids().map(str) | st.uuids().map(lambda each: "{" + each.hex.upper() + "}")
VALUES = st.lists(LIKELY | ADDRESSES | NUMBERS | DEVICES | st.floats(0).map(str), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(values=VALUES, country=st.sampled_from([None, *COUNTRIES, "XX"]))
@example(values=["+70000"], country=None)
@example(values=["ς", "Σ", "i̇@x.com", "K", "Å@x.com", "\u1e9e", "ﬁ@x.com", "\u0344@x.com"], country=None)
def test_sql_agrees_with_python_on_any_text(compiled: str, values: list[str], country: str | None) -> None:
    cases = [(kind, value) for value in values for kind in NORMALISERS]
    with closing(duckdb.connect()) as connection:
        connection.execute("create schema raw")
        connection.execute(
            "create table raw.cases as select unnest(?::json[]) as one", [[json.dumps(c) for c in cases]]
        )
        connection.execute(
            "create or replace table raw.cases as select row_number() over () as number, one ->> 0 as normaliser, "
            "one ->> 1 as value, ?::varchar as country from raw.cases",
            [country],
        )
        got = dict(connection.execute(compiled).fetchall())
    expected = {number: normalise_identifier(value, kind, country) for number, (kind, value) in enumerate(cases, 1)}
    wrong = {
        cases[number - 1]: (got[number], expected[number])
        for number in got
        if got[number] != expected[number] and not is_of_another_country(got[number], expected[number])
    }
    assert wrong == {}


def is_of_another_country(got: str | None, expected: str | None) -> bool:
    """Tell whether it is a number of a country whose lengths the warehouse does not know, and Python does."""
    return expected is None and got is not None and got.startswith(OTHER_COUNTRIES)


@given(LIKELY | ADDRESSES | NUMBERS | DEVICES)
def test_what_is_normalised_stays_as_it_is(value: str) -> None:
    for normaliser in NORMALISERS:
        once = normalise_identifier(value, normaliser, "DE")
        again = normalise_identifier(once, normaliser, "DE")
        assert again == once
