"""What Braze says of the objects of a ``/users/track`` call, and what it makes of attributes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>.]+")
PHONE = re.compile(r"\+?[0-9 ().-]{6,20}")
STRONG = ("external_id", "braze_id", "user_alias")
NAMES = (*STRONG, "email", "phone")
STATES = ("opted_in", "subscribed", "unsubscribed")
CONTROLS = ("_update_existing_only", "_merge_objects", "push_token_import", "user_alias", "subscription_groups")
LONGEST_NAME = 255


def problem(item: Any, kind: str) -> str | None:
    """Return what is wrong with an object, in Braze's words; ``None`` where nothing is."""
    if not isinstance(item, dict):
        return "The object is not valid"
    return _whom(item) or RULES[kind](item)


def _whom(item: Mapping[str, Any]) -> str | None:
    if sum(item.get(name) is not None for name in STRONG) > 1:
        return "You must specify only one of 'external_id', 'user_alias' or 'braze_id'"
    if not any(item.get(name) for name in NAMES):
        return "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required"
    external_id, alias = item.get("external_id"), item.get("user_alias")
    if external_id is not None and (not isinstance(external_id, str) or len(external_id.encode()) > 987):
        return "'external_id' is not valid"
    if alias is not None and not (isinstance(alias, dict) and alias.get("alias_name") and alias.get("alias_label")):
        return "'user_alias' is not valid"
    if item.get("email") is not None and not EMAIL.fullmatch(str(item["email"])):
        return "The value provided for the 'email' field is not a valid email."
    if item.get("phone") is not None and not PHONE.fullmatch(str(item["phone"])):
        return "The value provided for the 'phone' field is not a valid phone number."
    if not isinstance(item.get("_update_existing_only", False), bool):
        return "'_update_existing_only' must be a boolean"
    return None


def _attributes(item: Mapping[str, Any]) -> str | None:
    for name in ("email_subscribe", "push_subscribe"):
        if item.get(name) is not None and item[name] not in STATES:
            return f"'{name}' must be 'subscribed', 'unsubscribed', or 'opted_in'"
    if any(name.startswith("$") or len(name) > LONGEST_NAME for name in item):
        return "The name of a custom attribute is not valid"
    return None


def _event(item: Mapping[str, Any]) -> str | None:
    if not isinstance(item.get("name"), str) or not 0 < len(item["name"]) <= LONGEST_NAME:
        return "'name' is not valid"
    if not _moment(item.get("time")):
        return "'time' is not valid"
    return _properties(item)


def _purchase(item: Mapping[str, Any]) -> str | None:
    if not isinstance(item.get("product_id"), str) or not item["product_id"]:
        return "'product_id' is not valid"
    if not re.fullmatch("[A-Z]{3}", str(item.get("currency"))):
        return "'currency' is not valid"
    if not isinstance(item.get("price"), int | float):
        return "'price' is not valid"
    if not 1 <= int(item.get("quantity", 1)) <= 100:
        return "'quantity' is not valid"
    return None if _moment(item.get("time")) else "'time' is not valid"


def _properties(item: Mapping[str, Any]) -> str | None:
    properties = item.get("properties", {})
    if not isinstance(properties, dict):
        return "'properties' is not valid"
    if any(not name or name.startswith("$") or len(name) > LONGEST_NAME for name in properties):
        return "The name of a property is not valid"
    return None


RULES: Mapping[str, Callable[[Mapping[str, Any]], str | None]] = {
    "attributes": _attributes,
    "events": _event,
    "purchases": _purchase,
}


def _moment(value: Any) -> bool:
    try:
        return bool(datetime.fromisoformat(value))
    except (TypeError, ValueError):
        return False


def merged(known: Mapping[str, Any], item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a profile with the attributes of an object in it: null deletes, an object may count or change an array."""
    data = dict(known)
    for name, value in item.items():
        if name in CONTROLS or name in ("braze_id", "external_id"):
            continue
        if isinstance(value, dict) and set(value) == {"inc"}:
            data[name] = (data.get(name) or 0) + value["inc"]
        elif isinstance(value, dict) and value and set(value) <= {"add", "remove"}:
            kept = [one for one in data.get(name) or [] if one not in value.get("remove", ())]
            data[name] = [*(one for one in kept if one not in value.get("add", ())), *value.get("add", ())]
        elif value is None:
            data.pop(name, None)
        else:
            data[name] = value
    return data
