"""What holds of every spelling, and the mistakes that others have made with it."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reverse_etl.hashing import spellings
from reverse_etl.hashing.spellings import Spelling
from reverse_etl.hashing.table import Field, Table, columns, hashed_columns, told
from reverse_etl.hashing.vendors import (
    GOOGLE,
    LINKEDIN,
    META_AUDIENCE,
    META_EVENTS,
    TABLES,
    TIKTOK_EVENTS,
    TIKTOK_SEGMENT,
)

#: A number without its plus is read with its country only, so this one spelling is not a value of a feed again.
LAST_STEPS = (spellings.phone_digits,)
EVERY = {
    name: spell
    for name, spell in vars(spellings).items()
    if callable(spell) and spell.__module__ == spellings.__name__ and not name.startswith("_")
}
COUNTRIES = st.sampled_from([None, "DE", "US", "GB", "IT", "HU", "BR"])
PEOPLE = st.one_of(
    st.text(max_size=30),
    st.text(alphabet="abcÀéßİΣς.+@ '\u2019-\u0301\u200b\u00a0gmail", max_size=25),
    st.from_regex(r"\A[A-Za-z.+]{1,8}@(gmail|googlemail|example)\.com\Z"),
    st.from_regex(r"\A(\+|00|0)?[1-9][0-9 ()-]{5,14}\Z"),
    st.from_regex(r"\A(Mr\.?|Dr ?|Frau )?[A-Za-z' -]{1,12},? ?(Jr\.?|III)?\Z"),
    st.from_regex(r"\A[12][0-9]{3}-[01][0-9]-[0-3][0-9]\Z"),
    st.from_regex(r"\A[0-9]{5}[ -]?[0-9]{4}[ -]?\Z"),
)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("name", sorted(set(EVERY) - {spell.__name__ for spell in LAST_STEPS}))
@settings(max_examples=60, deadline=None)
@given(value=PEOPLE, country=COUNTRIES)
def test_spelling_twice_is_spelling_once(name: str, value: str, country: str | None) -> None:
    spell: Spelling = EVERY[name]

    once = spell(value, country)

    assert spell(once, country) == once


@pytest.mark.parametrize("name", sorted(TABLES))
@settings(max_examples=30, deadline=None)
@given(value=PEOPLE)
def test_a_value_and_its_spelling_have_the_same_hash(name: str, value: str) -> None:
    for field in TABLES[name]:
        if field.hashed and field.spell not in LAST_STEPS and field.column != "date_of_birth":
            spelled = field.spell(value, None)
            assert told((field,), {field.column: value}) == (told((field,), {field.column: spelled}) if spelled else {})


@pytest.mark.parametrize("name", sorted(TABLES))
@settings(max_examples=30, deadline=None)
@given(value=PEOPLE)
def test_nothing_but_a_digest_leaves_where_a_hash_is_asked_for(name: str, value: str) -> None:
    row = dict.fromkeys(columns(TABLES[name]), value)
    hashed = {field.name for field in TABLES[name] if field.hashed}

    left = told(TABLES[name], row)

    assert all(len(text) == 64 and set(text) <= set("0123456789abcdef") for key, text in left.items() if key in hashed)
    assert sha256("") not in left.values()


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_digest_is_never_hashed_again(name: str) -> None:
    digest = sha256("anna@example.com")

    for field in TABLES[name]:
        if field.hashed:
            assert told((field,), {field.column: f" {digest.upper()} "}) == {field.name: digest}


@pytest.mark.parametrize(
    "digest", ["5d41402abc4b2a76b9719d911017c592", "a" * 40, "a" * 128, "tMmiiTI7IaAcPpQPFQ65uMVCWH8av9jw4cwf/F5HVRQ="]
)
@pytest.mark.parametrize("column", ["email", "phone"])
def test_a_digest_of_another_kind_is_no_address_and_no_number(column: str, digest: str) -> None:
    assert told(META_AUDIENCE, {column: digest}) == {}


@pytest.mark.parametrize("table", [META_AUDIENCE, META_EVENTS, TIKTOK_SEGMENT, TIKTOK_EVENTS, LINKEDIN])
def test_only_google_ignores_dots_and_tags_and_only_in_gmail(table: Table) -> None:
    # Segment's TikTok actions strip both from every address: anna.smith+shop@example.com becomes somebody else.
    for address in ("anna.smith+shop@example.com", "anna.smith+shop@gmail.com"):
        assert sha256(address) in told(table, {"email": address}).values()

    google = told(GOOGLE, {"email": "anna.smith+shop@example.com"})
    assert google == {"emailAddress": sha256("anna.smith+shop@example.com")}


@pytest.mark.parametrize("value", ["nonbinary", "other", "unknown", "u", "", "n/a", "1"])
def test_who_is_not_said_to_be_a_woman_is_not_told_to_be_a_man(value: str) -> None:
    # RudderStack makes m of every gender that is not female.
    assert told(META_AUDIENCE, {"gender": value}) == {}


@pytest.mark.parametrize("name", sorted(TABLES))
def test_what_is_hashed_was_spelled_before(name: str) -> None:
    # Multiwoven hashes what it is given; looker's actions matched nobody with that (actions, issue 607).
    raw, spelled = " Anna@Example.COM ", "anna@example.com"

    left = told(TABLES[name], {"email": raw}).values()

    assert sha256(spelled) in left
    assert sha256(raw) not in left


@pytest.mark.parametrize("value", ["", " ", "\u200b", "n/a", "-", "null", "0"])
def test_garbage_is_left_out_instead_of_hashed(value: str) -> None:
    for table in TABLES.values():
        assert not {"email", "phone"} & {
            field.column for field in table if field.name in told(table, {"email": value, "phone": value})
        }


def test_a_phone_is_read_with_the_country_of_its_row_and_with_no_other() -> None:
    assert told(TIKTOK_SEGMENT, {"phone": "0170 1234567", "country": "de"}) == {"PHONE_SHA256": sha256("+491701234567")}
    for country in (None, "", "Germany", "ZZ"):
        assert told(TIKTOK_SEGMENT, {"phone": "0170 1234567", "country": country}) == {}


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        (date(1997, 2, 16), "19970216"),
        ("1997-02-16", "19970216"),
        ("19970216", "19970216"),
        ("1997-02-16 00:00:00", "19970216"),
        ("1899-12-31", ""),
        ("2999-01-01", ""),
        ("2/16/1997", ""),
        (0, ""),
    ],
)
def test_a_birthday_is_told_whole_to_conversions_and_in_parts_to_audiences(value: Any, spelled: str) -> None:
    parts = (("DOBY", spelled[:4]), ("DOBM", spelled[4:6]), ("DOBD", spelled[6:]))

    assert told(META_EVENTS, {"date_of_birth": value}) == ({"db": sha256(spelled)} if spelled else {})
    assert told(META_AUDIENCE, {"date_of_birth": value}) == {name: sha256(part) for name, part in parts if part}


def test_numbers_of_a_warehouse_are_taken_as_text() -> None:
    row = {"phone": 491701234567, "country": "DE", "external_id": 42, "postal_code": 50667}

    left = told(META_AUDIENCE, row)

    assert left["PHONE"] == sha256("491701234567")
    assert (left["EXTERN_ID"], left["ZIP"]) == ("42", sha256("50667"))


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_table_names_every_field_once(name: str) -> None:
    names = [field.name for field in TABLES[name]]

    assert len(names) == len(set(names))


def test_a_column_counts_as_hashed_only_if_it_leaves_in_no_other_way() -> None:
    table = (Field("email", "hash", spellings.email), Field("email", "text", spellings.email, hashed=False))

    assert "email" not in hashed_columns(table)
    assert {"email", "country"} == columns(table)
    # A country that only helps to read the others does not leave at all.
    assert "country" in hashed_columns(table)
