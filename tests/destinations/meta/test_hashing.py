"""The spelling of a person's data before it is hashed; hashes marked so are the examples of Meta's own guide."""

from __future__ import annotations

import hashlib

import pytest

from reverse_etl.destinations.meta.hashing import SCHEMA, can_match, member


@pytest.mark.parametrize(
    ("column", "value", "spelled"),
    [
        ("email", " John_Smith@GMAIL.com ", "john_smith@gmail.com"),
        ("email", "j.o.h.n+tag@gmail.com", "j.o.h.n+tag@gmail.com"),
        ("email", "not an address", ""),
        ("phone", "+1 (650) 555-1212", "16505551212"),
        ("phone", "0049 151 12345678", "4915112345678"),
        ("phone", "123", ""),
        ("first_name", " John ", "john"),
        ("first_name", "Valéry", "valéry"),
        ("first_name", "Vale\u0301ry", "valéry"),
        ("first_name", "정", "정"),
        ("first_name", "Anne-Marie", "annemarie"),
        ("last_name", "O'Neill, Jr.", "oneill jr"),
        ("city", "São Paulo", "sãopaulo"),
        ("city", "Bad Homburg v.d. Höhe", "badhomburgvdhöhe"),
        ("postal_code", "94035-1234", "94035"),
        ("postal_code", "SW1A 1AA", "sw1a1aa"),
        ("postal_code", " 1012 AB ", "1012ab"),
        ("country", "DE", "de"),
        ("country", "Germany", ""),
        ("external_id", " P-1 ", "P-1"),
    ],
)
def test_values_are_spelled_as_the_guide_says(column: str, value: str, spelled: str) -> None:
    _, spell, _ = SCHEMA[column]

    assert spell(value) == spelled


@pytest.mark.parametrize(
    ("column", "value", "digest"),
    [
        ("first_name", "John", "96d9632f363564cc3032521409cf22a852f2032eec099ed5967c0d000cec607a"),
        ("first_name", "정", "8fa8cd9c440be61d0151429310034083132b35975c4bea67fdd74158eb51db14"),
        ("first_name", "Valéry", "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c"),
        ("phone", "+1 650 555 1212", "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"),
    ],
)
def test_hashes_equal_the_vendors_examples(column: str, value: str, digest: str) -> None:
    entry = member({column: value})

    assert entry[list(SCHEMA).index(column)] == digest


def test_an_entry_holds_every_key_in_order_and_nothing_readable_but_the_own_id() -> None:
    entry = member({"external_id": "P1", "email": "Anna@Example.com", "country": "DE", "phone": None})

    assert entry == [
        "P1",
        hashlib.sha256(b"anna@example.com").hexdigest(),
        "",
        "",
        "",
        "",
        "",
        hashlib.sha256(b"de").hexdigest(),
    ]


@pytest.mark.parametrize(
    ("payload", "possible"),
    [
        ({"email": "a@b.de"}, True),
        ({"phone": "+4915112345678"}, True),
        ({"first_name": "Anna", "last_name": "Arndt", "postal_code": "50667"}, True),
        ({"first_name": "Anna", "last_name": "Arndt", "country": "DE"}, False),
        ({"external_id": "P1", "city": "Köln"}, False),
        ({"email": "nonsense"}, False),
        ({}, False),
    ],
)
def test_a_row_that_nobody_can_be_found_by_is_recognised(payload: dict[str, str], possible: bool) -> None:
    assert can_match(member(payload)) is possible
