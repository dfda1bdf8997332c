"""Numbers in E.164 that are taken as they stand: the library would have said the same."""

from __future__ import annotations

import phonenumbers
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, ValidationResult

from reverse_etl.normalise import normalise_phone

CODES = st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
NATIONAL = st.from_regex(r"\A[0-9]{3,13}\Z")


def by_the_library(text: str) -> str | None:
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return None
    is_possible = phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    return phonenumbers.format_number(number, PhoneNumberFormat.E164) if is_possible else None


@settings(max_examples=400, deadline=None)
@given(code=CODES, national=NATIONAL)
def test_a_number_is_read_as_the_library_reads_it(code: int, national: str) -> None:
    text = f"+{code}{national}"

    assert normalise_phone(text) == by_the_library(text)


def test_the_examples_of_every_country_are_read_as_the_library_reads_them() -> None:
    kinds = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
    numbers = [
        phonenumbers.format_number(number, PhoneNumberFormat.E164)
        for region in phonenumbers.SUPPORTED_REGIONS
        for kind in kinds
        if (number := phonenumbers.example_number_for_type(region, kind)) is not None
    ]

    assert len(numbers) > 400
    assert [text for text in numbers if normalise_phone(text) != by_the_library(text)] == []
