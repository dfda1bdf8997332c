"""E-mail addresses and phone numbers in the one form in which they are compared, hashed and sent.

The staging models do the same in SQL (``macros/normalise/``). Both have to pass ``tests/data/emails.csv`` and
``tests/data/phones.csv``: a hash that differs from the one in the warehouse is a person who is not found.
"""

from __future__ import annotations

import re

import phonenumbers

_SPACES = str.maketrans({"\u00a0": " ", "\u200b": " ", "\ufeff": " "})
_NAME = r'[^@\s,;:<>()"]'
_LABEL = r'[^@\s,;:<>()".]'
_EMAIL = re.compile(rf"{_NAME}+@(?:{_LABEL}+[.])+{_LABEL}{{2,}}")
_GMAIL = frozenset({"gmail.com", "googlemail.com"})
_PHONE = re.compile(r"\s*[+]?[-0-9 ()./]+\s*")
_LENGTH_WITH_CALLING_CODE = 11  # so long, and starting with the country's calling code: the plus was left out


def normalise_email(email: str | None, *, fold_gmail: bool = False) -> str | None:
    """Return the address trimmed and in lower case, or None where it cannot be an address.

    Args:
        email: The address as it was typed.
        fold_gmail: Also drop the dots and the +tag of a Gmail address, which Google ignores. Off by default: nothing is
            folded that could make two people one.
    """
    address = (email or "").translate(_SPACES).strip().lower()
    if len(address) > 254 or not _EMAIL.fullmatch(address):
        return None
    name, _, domain = address.partition("@")
    if fold_gmail and domain in _GMAIL:
        return f"{name.partition('+')[0].replace('.', '')}@gmail.com"
    return address


def normalise_phone(phone: str | None, country: str | None = None) -> str | None:
    """Return the number in E.164, such as ``+491701234567``, or None where it cannot be a number.

    Args:
        phone: The number as it was typed: international with ``+`` or ``00``, or national.
        country: ISO 3166 code, upper case, of the country in which a national number is dialled.
    """
    text = (phone or "").translate(_SPACES)
    if not _PHONE.fullmatch(text):
        return None
    dialled = re.sub(r"[^0-9+]", "", text)
    if dialled.startswith("00"):  # dialled like this nearly everywhere, whatever the library knows of the country
        dialled = f"+{dialled[2:]}"
    elif len(dialled) >= _LENGTH_WITH_CALLING_CODE and dialled.startswith(_calling_code(country)):
        dialled = f"+{dialled}"
    try:
        number = phonenumbers.parse(dialled, country)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _calling_code(country: str | None) -> str:
    return str(phonenumbers.country_code_for_region(country) or "none") if country else "none"
