"""One person's data in the spelling that a platform matches by: the rules that more than one vendor has.

Every spelling takes the text of a value and the country of its row, and returns an empty text for what cannot be such a
value: the hash of garbage matches nobody, and cannot be told from a good one.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Final

from reverse_etl.normalise import TITLES, normalise_device_id, normalise_email, normalise_phone, plain_text

#: Of the text of a value and the row's country (ISO 3166, upper case, where it has one).
Spelling = Callable[[str, str | None], str]

_ISO_COUNTRY = re.compile(r"[A-Z]{2}")
_NOT_ISO: Final = {"UK": "GB", "EL": "GR"}  # what is written for them, in forms and by the EU

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_APOSTROPHE: Final = "\u02bc"  # a letter to Unicode, and an apostrophe to many keyboards
_DASHES_AND_SPACES = re.compile(r"[\s\u2010-\u2015\u2212-]")
_GMAIL: Final = frozenset({"gmail.com", "googlemail.com"})
_PLUS_IN_PARENTHESES = re.compile(r"^\s*\(\+([0-9]{1,3})\)")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_BORN = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})(?:[ T].*)?", re.DOTALL)
_FIRST_YEAR: Final = 1900

_PREFIX = re.compile(rf"(?:{'|'.join(TITLES)})(?:[.]\s*|\s+|$)")
_SUFFIX = re.compile(r"(?:^|[\s,]+)(?:jr|sr|2nd|3rd|ii|iii|iv|cpa|dds|esq|jd|md|phd)[.]?[\s,]*$")

_ZIP_WITH_DASH = re.compile(r"[0-9]{5}-[0-9]{4}")
_NINE_DIGITS = re.compile(r"[0-9]{9}")
_STATES: Final = dict(
    re.findall(
        r"(\w+):(\w+)",
        "alabama:al alaska:ak arizona:az arkansas:ar california:ca colorado:co connecticut:ct delaware:de "
        "districtofcolumbia:dc florida:fl georgia:ga hawaii:hi idaho:id illinois:il indiana:in iowa:ia kansas:ks "
        "kentucky:ky louisiana:la maine:me maryland:md massachusetts:ma michigan:mi minnesota:mn mississippi:ms "
        "missouri:mo montana:mt nebraska:ne nevada:nv newhampshire:nh newjersey:nj newmexico:nm newyork:ny "
        "northcarolina:nc northdakota:nd ohio:oh oklahoma:ok oregon:or pennsylvania:pa puertorico:pr rhodeisland:ri "
        "southcarolina:sc southdakota:sd tennessee:tn texas:tx utah:ut vermont:vt virginia:va washington:wa "
        "westvirginia:wv wisconsin:wi wyoming:wy",
    )
)


def text(value: str, country: str | None = None) -> str:
    """Return a text as it is, without what cannot be seen around it."""
    return plain_text(value)


def email(value: str, country: str | None = None) -> str:
    """Return an address trimmed and in lower case. Dots and a +tag stay: they are part of it for most providers."""
    return normalise_email(value) or ""


def email_without_spaces(value: str, country: str | None = None) -> str:
    """Return an address in lower case and without the spaces in it."""
    return email(plain_text(value).replace(" ", ""))


def email_at_google(value: str, country: str | None = None) -> str:
    """Return an address without spaces, a Gmail one also without the dots and the +tag of its name.

    The domain stays as it is: Google's own formatter does not make googlemail.com one with gmail.com.
    """
    address = email_without_spaces(value)
    name, _, domain = address.partition("@")
    if domain not in _GMAIL:
        return address
    name = name.partition("+")[0].replace(".", "")
    return f"{name}@{domain}" if name else ""


def phone(value: str, country: str | None = None) -> str:
    """Return a number in E.164, with the plus.

    A national number is read with the row's country. Without one it is empty: a number without its country code matches
    nobody, and a guessed country would match somebody else.
    """
    return normalise_phone(_PLUS_IN_PARENTHESES.sub(r"+\1", value), country) or ""


def phone_digits(value: str, country: str | None = None) -> str:
    """Return the digits of a number, country code first."""
    return phone(value, country).removeprefix("+")


def name(value: str, country: str | None = None) -> str:
    """Return a name in lower case and without punctuation; accents and the letters of all alphabets stay."""
    lower = plain_text(value, lower=True)
    if lower.isascii():
        kept = lower.translate(_NO_PUNCTUATION)
    else:
        kept = "".join(sign for sign in lower if unicodedata.category(sign)[0] not in "PS" and sign != _APOSTROPHE)
    return unicodedata.normalize("NFC", " ".join(kept.split()))


def given_name(value: str, country: str | None = None) -> str:
    """Return a given name in lower case, without a title before it."""
    lower = " ".join(plain_text(value, lower=True).split())
    while found := _PREFIX.match(lower):
        lower = lower[found.end() :]
    return lower


def family_name(value: str, country: str | None = None) -> str:
    """Return a family name in lower case, without what follows it, such as Jr."""
    lower = " ".join(plain_text(value, lower=True).split())
    while found := _SUFFIX.search(lower):
        lower = lower[: found.start()]
    return lower


def city(value: str, country: str | None = None) -> str:
    """Return a city as a name, and without spaces."""
    return unicodedata.normalize("NFC", name(value).replace(" ", ""))


def state(value: str, country: str | None = None) -> str:
    """Return a state as a city is spelled, one of the United States by its two letters."""
    spelled = city(value)
    return _STATES.get(spelled, spelled) if country == "US" else spelled


def postal_code(value: str, country: str | None = None) -> str:
    """Return a postal code in lower case, without spaces and dashes; of a US ZIP+4 the first five digits."""
    lower = plain_text(value, lower=True)
    written = unicodedata.normalize("NFC", _DASHES_AND_SPACES.sub("", lower))
    is_zip = country == "US" or (country is None and _ZIP_WITH_DASH.fullmatch(lower))
    return written[:5] if is_zip and _NINE_DIGITS.fullmatch(written) else written


def country(value: str, country: str | None = None) -> str:
    """Return the two letters of ISO 3166-1, in upper case."""
    code = plain_text(value).upper()
    return _NOT_ISO.get(code, code) if _ISO_COUNTRY.fullmatch(code) else ""


def country_in_lower_case(value: str, _: str | None = None) -> str:
    """Return the two letters of ISO 3166-1, in lower case."""
    return country(value).lower()


def gender(value: str, country: str | None = None) -> str:
    """Return f or m; whoever is neither, or unknown, has no gender to be matched by."""
    return {"f": "f", "female": "f", "m": "m", "male": "m"}.get(plain_text(value, lower=True), "")


def born(value: str, country: str | None = None) -> str:
    """Return a date of birth as YYYYMMDD; empty for a date that there was not, or whose order could be another."""
    found = _BORN.fullmatch(plain_text(value))
    try:
        day = date(*map(int, found.groups())) if found else None
    except ValueError:
        return ""
    return f"{day:%Y%m%d}" if day and day.year >= _FIRST_YEAR and day <= _today() else ""


def device_id(value: str, country: str | None = None) -> str:
    """Return an advertising id, a UUID in lower case with its dashes.

    Thirty-two digits without dashes may be somebody's MD5, so they are not taken for one.
    """
    written = plain_text(value)
    return (normalise_device_id(written) or "") if _UUID.fullmatch(written) else ""


def _today() -> date:
    return datetime.now(UTC).date()
