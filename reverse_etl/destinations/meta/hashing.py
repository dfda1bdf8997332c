"""How Meta wants a person's data spelled before it is hashed.

Source: Meta's guide "Customer File Custom Audiences", section on hashing and normalisation, and the help page "How to
format a customer list", read on 2026-11-21. All values are hashed with SHA-256 to lower-case hex, but for EXTERN_ID.
An empty text stands for an unknown value.
"""

from __future__ import annotations

import hashlib
import re
import string
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")


def email(value: str) -> str:
    """Trim and lower; dots and a +tag stay, since Meta does not fold addresses of any provider."""
    text = value.strip().lower()
    return text if _EMAIL.match(text) else ""


def phone(value: str) -> str:
    """Keep digits only, country code first and without leading zeros. A number without its country code matches nobody.

    Feeds hold E.164, so a text that does not begin with ``+`` or ``00`` is taken as having its country code already.
    """
    digits = re.sub(r"\D", "", unicodedata.normalize("NFKC", value)).lstrip("0")
    return digits if 7 <= len(digits) <= 15 else ""


def name(value: str) -> str:
    """Lower, without ASCII punctuation; letters of all alphabets stay as they are, in UTF-8."""
    return " ".join(unicodedata.normalize("NFC", value).lower().translate(_NO_PUNCTUATION).split())


def city(value: str) -> str:
    """As a name, and without spaces."""
    return name(value).replace(" ", "")


def postal_code(value: str) -> str:
    """Lower, without spaces and dashes; of a US ZIP+4 only the first five digits."""
    text = re.sub(r"[\s-]", "", value.lower())
    return text[:5] if re.fullmatch(r"\s*\d{5}-\d{4}\s*", value) else text


def country(value: str) -> str:
    """Two letters of ISO 3166-1, in lower case."""
    text = value.strip().lower()
    return text if re.fullmatch(r"[a-z]{2}", text) else ""


def extern_id(value: str) -> str:
    """The advertiser's own id, as it is."""
    return value.strip()


#: Feed column → (the name in Meta's schema, its spelling, whether it is hashed), in the order that rows are sent in.
SCHEMA: Mapping[str, tuple[str, Callable[[str], str], bool]] = {
    "external_id": ("EXTERN_ID", extern_id, False),
    "email": ("EMAIL", email, True),
    "phone": ("PHONE", phone, True),
    "first_name": ("FN", name, True),
    "last_name": ("LN", name, True),
    "city": ("CT", city, True),
    "postal_code": ("ZIP", postal_code, True),
    "country": ("COUNTRY", country, True),
}


def member(payload: Mapping[str, Any]) -> list[str]:
    """Return a feed row as one entry of an upload, in the order of :data:`SCHEMA`."""
    entry = []
    for column, (_, spell, hashed) in SCHEMA.items():
        value = payload.get(column)
        text = "" if value is None else spell(str(value))
        entry.append(hashlib.sha256(text.encode()).hexdigest() if text and hashed else text)
    return entry


def can_match(entry: list[str]) -> bool:
    """Return whether Meta could find a person by this entry: by an address, a number, or a full name and a place."""
    known = dict(zip(SCHEMA, entry, strict=True))
    full_name = known["first_name"] and known["last_name"]
    return bool(known["email"] or known["phone"] or (full_name and (known["city"] or known["postal_code"])))
