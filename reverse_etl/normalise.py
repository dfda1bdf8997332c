"""Identifiers in the one form in which they are compared, hashed and sent.

The staging models do the same in SQL (``macros/normalise/``). Both have to pass ``tests/data/*.csv``: a hash that
differs from the one in the warehouse is a person who is not found.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

import phonenumbers

#: What a rule may name (``macros/normalise/normalisers.sql``). A type of that name takes it without a rule.
NORMALISERS: Final = ("text", "user_id", "email", "email_gmail", "email_untagged", "phone", "device_id", "name")

_SPACES: Final = [*range(9, 14), 133, 160, 5760, *range(8192, 8203), 8232, 8233, 8239, 8287, 12288]
_UNSEEN: Final = [173, 1564, *range(8203, 8208), *range(8234, 8239), *range(8288, 8298), 65279]
_AROUND: Final = "".join(map(chr, [32, *_SPACES, *_UNSEEN]))
_PLAIN: Final[dict[int, str]] = {
    **{ord(wide): plain for wide, plain in zip("。．＠－＿＋（）／", "..@-_+()/", strict=True)},
    **{wide: chr(wide - 65248) for wide in (*range(65296, 65306), *range(65313, 65339), *range(65345, 65371))},
    **dict.fromkeys(_SPACES, " "),
    **dict.fromkeys(_UNSEEN, ""),
}
_LOWER: Final[dict[int, str]] = {**_PLAIN, ord("İ"): "i", ord("Σ"): "σ"}
_DASHES: Final = [8722, *range(8208, 8214)]

_NAME = r'[^@\s,;:<>()"\x00-\x1f\x7f]'
_LABEL = r'[^@\s,;:<>()".\x00-\x1f\x7f]'
_EMAIL = re.compile(rf"{_NAME}+@(?:{_LABEL}+[.])+{_LABEL}{{2,}}", re.ASCII)
_TAG = re.compile(r"^([^+]+)[+].*@")
_GMAIL = frozenset({"gmail.com", "googlemail.com"})

_DIALLED: Final[dict[int, str]] = {
    **_PLAIN,
    **dict.fromkeys(_DASHES, "-"),
    **{zero + digit: str(digit) for zero in (1632, 1776) for digit in range(10)},
}
_PHONE = re.compile(r"[+]?[-0-9 ()./]+")
_E164 = re.compile(r"[+][1-9][0-9]{6,14}", re.ASCII)
_LENGTH_WITH_CALLING_CODE = 11  # so long, and starting with the country's calling code: the plus was left out

_THROUGH_A_FLOAT = re.compile(r"([0-9]{1,15})[.]0+")
_UUID = re.compile(r"(?:urn:uuid:)?[{]?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})[}]?")
_ANDROID_ID = re.compile(r"[0-9a-f]{16}")
_NO_DEVICE = frozenset({"00000000-0000-0000-0000-000000000000", "0" * 16})

_NAME_SIGNS: Final[dict[int, str]] = {
    **_LOWER,
    **dict.fromkeys([*map(ord, ".,_-"), *_DASHES], " "),
    **dict.fromkeys(map(ord, "'`´‘’ʼ′"), ""),
}
_ACCENTED: Final = {
    "a": "àáâãäåāăąạảấầẩẫậắằẳẵặ",
    "c": "çćĉċč",
    "d": "ďđð",
    "e": "èéêëēĕėęěẹẻẽếềểễệ",
    "g": "ĝğġģ",
    "h": "ĥħ",
    "i": "ìíîïĩīĭįıỉị",
    "j": "ĵ",
    "k": "ķ",
    "l": "ĺļľł",
    "n": "ñńņň",
    "o": "òóôõöøōŏőơọỏốồổỗộớờởỡợ",
    "r": "ŕŗř",
    "s": "śŝşšș",
    "t": "ţťțŧ",
    "u": "ùúûüũūŭůűųưụủứừửữự",
    "w": "ŵ",
    "y": "ýÿŷỳỵỷỹ",
    "z": "źżž",
}
_UNACCENTED: Final[dict[int, str]] = {
    **{ord(letter): plain for plain, accented in _ACCENTED.items() for letter in accented},
    **dict.fromkeys(range(768, 880), ""),
    **{ord(one): two for one, two in {"ß": "ss", "æ": "ae", "œ": "oe", "þ": "th"}.items()},
}
#: What may stand before a name and is no part of it, without accents.
TITLES: Final = (
    *("mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "madam", "herr", "frau", "monsieur", "madame", "mme"),
    *("mlle", "senor", "senora", "sr", "sra", "signor", "signora", "dott"),
)
_TITLES = re.compile(rf"^(?:(?:{'|'.join(TITLES)}) )+")


def normalise_identifier(value: str | None, normaliser: str, country: str | None = None) -> str | None:
    """Return an identifier in the form that a rule's normaliser asks for, or None where it cannot be one.

    Args:
        value: The identifier as it was typed.
        normaliser: One of :data:`NORMALISERS`, as ``identity_rules.normaliser`` has it.
        country: ISO 3166 code, upper case, that a national phone number is read with.

    Raises:
        ValueError: There is no such normaliser.
    """
    if normaliser == "text":
        return normalise_text(value)
    if normaliser == "user_id":
        return normalise_user_id(value)
    if normaliser in {"email", "email_gmail", "email_untagged"}:
        gmail, tags = normaliser == "email_gmail", normaliser == "email_untagged"
        return normalise_email(value, fold_gmail=gmail, fold_tags=tags)
    if normaliser == "phone":
        return normalise_phone(value, country)
    if normaliser == "device_id":
        return normalise_device_id(value)
    if normaliser == "name":
        return normalise_name(value)
    raise ValueError(f"there is no normaliser {normaliser!r}")


def plain_text(value: str, *, lower: bool = False) -> str:
    """Return a text in NFC, without unseen characters, with wide letters and all kinds of space as plain ones.

    Args:
        value: The text as it was typed.
        lower: Whether to have it in lower case, the Turkish İ as i.
    """
    if value.isascii() and value.isprintable():  # most are: nothing in them is but letters, signs and spaces
        return (value.lower() if lower else value).strip(" ")
    text = unicodedata.normalize("NFC", value).translate(_PLAIN)
    return unicodedata.normalize("NFC", text.replace("İ", "i").lower() if lower else text).strip(" ")


def normalise_text(value: str | None) -> str | None:
    """Return an identifier without the spaces and unseen characters around it; None where nothing is left."""
    return (value or "").strip(_AROUND) or None


def normalise_user_id(value: str | None) -> str | None:
    """Return an account's id, without the .0 that a whole number gets on its way through a floating-point column."""
    text = normalise_text(value)
    whole = _THROUGH_A_FLOAT.fullmatch(text or "")
    return whole[1] if whole else text


def normalise_email(email: str | None, *, fold_gmail: bool = False, fold_tags: bool = False) -> str | None:
    """Return the address trimmed, in lower case and in Unicode's NFC, or None where it cannot be an address.

    Args:
        email: The address as it was typed.
        fold_gmail: Also drop the dots and the +tag of a Gmail address, which Google ignores. Off by default: nothing is
            folded that could make two people one.
        fold_tags: The same, and drop the +tag of every other address too. Not every provider ignores it.
    """
    typed = email or ""
    if typed.isascii() and typed.isprintable():
        address = typed.strip(" ").lower()
    else:
        address = unicodedata.normalize("NFC", typed.translate(_LOWER).strip(" ").lower())
    if len(address) > 254 or not _EMAIL.fullmatch(address):
        return None
    if not (fold_gmail or fold_tags):
        return address
    untagged = _TAG.sub(r"\1@", address)
    name, _, domain = untagged.partition("@")
    if domain in _GMAIL and name.strip("."):
        return f"{name.replace('.', '')}@gmail.com"
    return untagged if fold_tags else address


def normalise_phone(phone: str | None, country: str | None = None) -> str | None:
    """Return the number in E.164, such as ``+491701234567``, or None where it cannot be a number.

    Args:
        phone: The number as it was typed: international with ``+`` or ``00``, or national.
        country: ISO 3166 code, upper case, of the country in which a national number is dialled.
    """
    if phone and _is_settled(phone):
        return phone
    # A whole number that went through a floating-point column: its zero is no digit of it.
    text = re.sub(r"^([+]?[0-9]+)[.]0$", r"\1", (phone or "").translate(_DIALLED).strip(" "))
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


def normalise_device_id(value: str | None) -> str | None:
    """Return a device's id: a UUID in lower case with dashes, an Android id in lower case; None for an id of zeros."""
    text = normalise_text(value)
    lower = (text or "").lower()
    uuid = _UUID.fullmatch(lower)
    if uuid:
        text = "-".join(uuid.groups())
    elif _ANDROID_ID.fullmatch(lower):
        text = lower
    return None if text in _NO_DEVICE else text


def normalise_name(name: str | None) -> str | None:
    """Return a name as two spellings of it are compared: lower case, without accents and a title in front."""
    text = (name or "").translate(_NAME_SIGNS).strip(" ").lower().translate(_UNACCENTED)
    return _TITLES.sub("", re.sub(" +", " ", text).strip(" ")) or None


def _is_settled(phone: str) -> bool:
    """Return whether a number is in E.164 and possible as it stands: most are, and the library takes ten times longer.

    What it would look at more closely, such as a digit that is dialled within the country only, is left to it.
    """
    if not _E164.fullmatch(phone):
        return False
    code = next(
        (phone[1:end] for end in (2, 3, 4) if int(phone[1:end]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), ""
    )
    if not code:
        return False
    lengths, dialled_within = _numbers_of(int(code))
    national = phone[1 + len(code) :]
    return len(national) in lengths and not national.startswith("0") and not dialled_within.match(national)


@cache
def _numbers_of(code: int) -> tuple[frozenset[int], re.Pattern[str]]:
    """Return how long the numbers of a calling code may be, and how those begin that are read otherwise."""
    region = phonenumbers.region_code_for_country_code(code)
    metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    if metadata is None or metadata.general_desc is None:
        return frozenset(), re.compile("")
    never = r"(?!)"
    return frozenset(metadata.general_desc.possible_length), re.compile(metadata.national_prefix_for_parsing or never)


def _calling_code(country: str | None) -> str:
    return str(phonenumbers.country_code_for_region(country) or "none") if country else "none"
