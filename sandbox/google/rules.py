"""What Google checks of a whole request before it takes it: one bad item, and nothing of the request is taken."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

MAX_IDENTIFIERS = 10
KINDS = (
    "userData",
    "mobileData",
    "pairData",
    "userIdData",
    "ppidData",
    "compositeData",
    "googleUserIdData",
    "partnerProvidedIdData",
)
_HEX = re.compile(r"[0-9a-fA-F]+")
_REGION = re.compile(r"[A-Z]{2}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_DEVICE = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ADDRESS = ("givenName", "familyName", "regionCode", "postalCode")


class Violation(NamedTuple):
    """What a request is refused for."""

    field: str
    reason: str
    message: str = ""


def member_violation(member: Mapping[str, Any], encoding: str, path: str) -> Violation | None:
    """Return what is wrong with an audience member."""
    kinds = [kind for kind in KINDS if kind in member]
    if len(kinds) != 1:
        return Violation(path, "INVALID_AUDIENCE_MEMBER", "Exactly one kind of data is expected.")
    if kinds == ["userData"]:
        return person_violation(member["userData"], encoding, f"{path}.userData")
    if kinds == ["mobileData"]:
        ids = member["mobileData"].get("mobileIds", [])
        if not ids:
            return Violation(f"{path}.mobileData", "REQUIRED_FIELD_MISSING")
        bad = next((n for n, one in enumerate(ids) if not _DEVICE.fullmatch(one)), None)
        return None if bad is None else Violation(f"{path}.mobileData.mobileIds[{bad}]", "INVALID_MOBILE_ID_FORMAT")
    return None


def event_violation(event: Mapping[str, Any], encoding: str, path: str) -> Violation | None:
    """Return what is wrong with an event."""
    if "eventTimestamp" not in event:
        return Violation(f"{path}.eventTimestamp", "REQUIRED_FIELD_MISSING")
    if not any(event.get(name) for name in ("userData", "adIdentifiers", "clientId", "appInstanceId", "userId")):
        return Violation(path, "NO_IDENTIFIERS_PROVIDED")
    if "currency" in event and not _CURRENCY.fullmatch(event["currency"]):
        return Violation(f"{path}.currency", "INVALID_CURRENCY_CODE")
    if "userData" in event:
        return person_violation(event["userData"], encoding, f"{path}.userData")
    return None


def person_violation(data: Mapping[str, Any], encoding: str, path: str) -> Violation | None:
    """Return what is wrong with the identifiers of a person."""
    if encoding not in ("HEX", "BASE64"):
        return Violation("encoding", "REQUIRED_FIELD_MISSING", "Required for UserData.")
    identifiers = data.get("userIdentifiers", [])
    if not identifiers:
        return Violation(f"{path}.userIdentifiers", "REQUIRED_FIELD_MISSING")
    if len(identifiers) > MAX_IDENTIFIERS:
        return Violation(f"{path}.userIdentifiers", "TOO_MANY_USER_IDENTIFIERS")
    for number, identifier in enumerate(identifiers):
        found = _identifier_violation(identifier, encoding, f"{path}.userIdentifiers[{number}]")
        if found:
            return found
    return None


def _identifier_violation(identifier: Mapping[str, Any], encoding: str, path: str) -> Violation | None:
    if len(identifier) != 1:
        return Violation(path, "INVALID_ARGUMENT", "Exactly one identifier is expected.")
    [(name, value)] = identifier.items()
    if name != "address":
        return _hash_violation(value, encoding, f"{path}.{name}")
    missing = next((part for part in _ADDRESS if not value.get(part)), None)
    if missing:
        return Violation(f"{path}.address.{missing}", "REQUIRED_FIELD_MISSING")
    if not _REGION.fullmatch(value["regionCode"]):
        return Violation(f"{path}.address.regionCode", "INVALID_COUNTRY_CODE")
    if len(value["postalCode"]) > 20:
        return Violation(f"{path}.address.postalCode", "INVALID_POSTAL_CODE")
    names = (_hash_violation(value[part], encoding, f"{path}.address.{part}") for part in _ADDRESS[:2])
    return next((found for found in names if found), None)


def _hash_violation(value: str, encoding: str, path: str) -> Violation | None:
    if encoding == "HEX":
        if not _HEX.fullmatch(value) or len(value) % 2:
            return Violation(path, "INVALID_HEX_ENCODING")
        return None if len(value) == 64 else Violation(path, "INVALID_SHA256_FORMAT")
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return Violation(path, "INVALID_BASE64_ENCODING")
    return None if len(raw) == 32 else Violation(path, "INVALID_SHA256_FORMAT")
