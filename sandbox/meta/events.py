"""What the Conversions API asks of an event, from the pages "Server Event Parameters" and "Using the API"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

MOST = 1_000
DAY = 86_400
SOURCES = {
    *("email", "website", "app", "phone_call", "chat", "physical_store", "system_generated", "business_messaging"),
    "other",
}
HASHED = {"em", "ph", "fn", "ln", "db", "ge", "ct", "st", "zp", "country"}
PLAIN = {
    *("external_id", "client_ip_address", "client_user_agent", "fbc", "fbp", "subscription_id", "fb_login_id"),
    *("lead_id", "anon_id", "madid", "page_id", "page_scoped_user_id", "ctwa_clid", "ig_account_id", "ig_sid"),
}
FIELDS = {
    *("event_name", "event_time", "user_data", "custom_data", "event_source_url", "opt_out", "event_id"),
    *("action_source", "data_processing_options", "data_processing_options_country", "data_processing_options_state"),
    *("app_data", "extinfo", "referrer_url", "original_event_data", "customer_segmentation"),
}
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CURRENCY = re.compile(r"[A-Za-z]{3}")


class Refusal(NamedTuple):
    """Why an event, and with it the whole call, is refused."""

    subcode: int
    title: str


_INVALID = 2804002  # stands for the vendor's many; of these numbers it documents none
TOO_OLD = Refusal(2804003, "Event Timestamp Too Old")


def refusal(event: Any, now: float) -> Refusal | None:
    """Return why an event is refused, or nothing."""
    if not isinstance(event, dict) or set(event) - FIELDS:
        return Refusal(_INVALID, "Unknown Event Field")
    name, at, source = event.get("event_name"), event.get("event_time"), event.get("action_source")
    if not isinstance(name, str) or not name:
        return Refusal(_INVALID, "Missing Event Name")
    if isinstance(at, bool) or not isinstance(at, int):
        return Refusal(_INVALID, "Missing Event Time")
    if at > now + DAY:  # milliseconds among others
        return Refusal(_INVALID, "Event Timestamp In The Future")
    if now - at > (62 if source == "physical_store" else 7) * DAY:
        return TOO_OLD
    if source not in SOURCES:
        return Refusal(_INVALID, "Missing Action Source")
    user, custom = event.get("user_data"), event.get("custom_data", {})
    if not isinstance(user, dict) or not isinstance(custom, dict):
        return Refusal(_INVALID, "Missing User Data")
    if source == "website" and not (event.get("event_source_url") and user.get("client_user_agent")):
        return Refusal(_INVALID, "Missing Website Parameters")
    return _of_user(user) or _of_purchase(name, custom)


def _of_user(user: Mapping[str, Any]) -> Refusal | None:
    if not set(user) - {"client_user_agent"}:
        return Refusal(2804050, "Not Enough Customer Information")
    if set(user) - HASHED - PLAIN:
        return Refusal(_INVALID, "Unknown Customer Information")
    for field in HASHED & set(user):
        values = user[field] if isinstance(user[field], list) else [user[field]]
        if not all(_SHA256.fullmatch(str(value)) for value in values):
            return Refusal(_INVALID, "Customer Information Not Hashed")
    return None


def _of_purchase(name: str, custom: Mapping[str, Any]) -> Refusal | None:
    value, currency = custom.get("value"), custom.get("currency")
    if currency is not None and not _CURRENCY.fullmatch(str(currency)):
        return Refusal(_INVALID, "Invalid Currency")
    try:
        is_number = value is not None and float(value) == float(value)
    except (TypeError, ValueError):
        return Refusal(_INVALID, "Invalid Value")
    if name == "Purchase" and not (is_number and currency):
        return Refusal(_INVALID, "Missing Value Or Currency")
    return None
