"""The platforms' tables. Where their documents leave something open, what was decided stands beside it.

- Meta: "Customer Information Parameters" and "Customer File Custom Audiences", read on 2026-11-22. The words ask for
  "area, district and sector" of a British postcode, the example beside them (m11ae) has the unit as well; so it stays.
- Google: "Format user data" (Data Manager API), read on 2026-11-22. It keeps the punctuation of names, and so does
  Google's own formatter; the reference of AddressInfo wants none. Guide and formatter agree, so they are followed.
- TikTok: "Customer File audiences" (help centre), "Add or delete audience segment mappings" and "Report events", read
  on 2026-11-22. Of a number the help page hashes the digits alone in its example, and calls that "also supported"; the
  others hash it with its plus, as here. Spaces inside an address are removed for audiences, not for events.
- LinkedIn: "DMP Segment Users", read on 2026-11-22. Nothing but the e-mail address is hashed.
"""

from __future__ import annotations

from typing import Final

from reverse_etl.hashing import spellings as as_
from reverse_etl.hashing.spellings import Spelling
from reverse_etl.hashing.table import Field, Table


def _year(value: str, country: str | None) -> str:
    return as_.born(value)[:4]


def _month(value: str, country: str | None) -> str:
    return as_.born(value)[4:6]


def _day(value: str, country: str | None) -> str:
    return as_.born(value)[6:]


#: The spellings that Meta's audiences and its Conversions API share: column to both names of the field.
_META: Final[tuple[tuple[str, str, str, Spelling], ...]] = (
    ("email", "EMAIL", "em", as_.email),
    ("phone", "PHONE", "ph", as_.phone_digits),
    ("first_name", "FN", "fn", as_.name),
    ("last_name", "LN", "ln", as_.name),
    ("gender", "GEN", "ge", as_.gender),
    ("city", "CT", "ct", as_.city),
    ("state", "ST", "st", as_.state),
    ("postal_code", "ZIP", "zp", as_.postal_code),
    ("country", "COUNTRY", "country", as_.country_in_lower_case),
)

META_AUDIENCE: Final[Table] = (
    Field("external_id", "EXTERN_ID", as_.text, hashed=False),
    *(Field(column, name, spell) for column, name, _, spell in _META),
    Field("date_of_birth", "DOBY", _year),
    Field("date_of_birth", "DOBM", _month),
    Field("date_of_birth", "DOBD", _day),
    Field("mobile_ad_id", "MADID", as_.device_id, hashed=False),
)

META_EVENTS: Final[Table] = (
    *(Field(column, name, spell) for column, _, name, spell in _META),
    Field("date_of_birth", "db", as_.born),
    Field("external_id", "external_id", as_.text),
    Field("mobile_ad_id", "madid", as_.device_id, hashed=False),
)

#: Names count with both parts, a country and a postal code only: Google takes an address whole or not at all.
GOOGLE: Final[Table] = (
    Field("email", "emailAddress", as_.email_at_google),
    Field("phone", "phoneNumber", as_.phone),
    Field("first_name", "givenName", as_.given_name),
    Field("last_name", "familyName", as_.family_name),
    Field("country", "regionCode", as_.country, hashed=False),
    Field("postal_code", "postalCode", as_.text, hashed=False),
    Field("mobile_ad_id", "mobileIds", as_.device_id, hashed=False),
)

TIKTOK_SEGMENT: Final[Table] = (
    Field("email", "EMAIL_SHA256", as_.email_without_spaces),
    Field("phone", "PHONE_SHA256", as_.phone),
    Field("idfa", "IDFA_SHA256", as_.device_id),
    Field("gaid", "AAID_SHA256", as_.device_id),
)

TIKTOK_EVENTS: Final[Table] = (
    Field("email", "email", as_.email),
    Field("phone", "phone", as_.phone),
    Field("external_id", "external_id", as_.text),
)

LINKEDIN: Final[Table] = (
    Field("email", "SHA256_EMAIL", as_.email),
    Field("gaid", "GOOGLE_AID", as_.device_id, hashed=False),
    Field("first_name", "firstName", as_.text, hashed=False),
    Field("last_name", "lastName", as_.text, hashed=False),
    Field("country", "country", as_.country, hashed=False),
)

#: All of them by name: what the vectors in tests/data/hashing are held against.
TABLES: Final = {
    "meta": META_AUDIENCE,
    "meta events": META_EVENTS,
    "google": GOOGLE,
    "tiktok": TIKTOK_SEGMENT,
    "tiktok events": TIKTOK_EVENTS,
    "linkedin": LINKEDIN,
}
