"""Events of the Conversions API: their bodies, and what keeps an event from being sent.

One event that Meta refuses takes the whole call with it, so what its documents say of an event is looked at first.

- An event may be 7 days old, one of a physical store 62 ("Using the API").
- The requirements of website events and of purchases are those of "Conversions API Parameters" and "Offline Events".
- Meta tells apart what a browser and a server report by event_id and event_name. Of two alike events from servers alone
  it is not documented that one is discarded, so a call that broke off is not repeated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from reverse_etl.destinations.moments import moment
from reverse_etl.destinations.money import currency, number
from reverse_etl.hashing.table import columns, told
from reverse_etl.hashing.vendors import META_EVENTS
from reverse_etl.wire import encode

#: Sent as they are, in the event itself and in its user_data; everything that is named nowhere is custom_data.
EVENT: Final = frozenset({"event_id", "event_name", "action_source", "event_source_url", "referrer_url", "opt_out"})
USER: Final = frozenset(
    {"client_ip_address", "client_user_agent", "fbc", "fbp", "subscription_id", "lead_id", "fb_login_id", "ctwa_clid"}
)
NUMBERS: Final = frozenset({"lead_id", "fb_login_id"})  #: Meta's own ids, which it takes as numbers
OCCURRED_AT: Final = "occurred_at"
LIMITED: Final = "limited_data_use"  #: a column of true and false
COLUMNS: Final = EVENT | USER | {OCCURRED_AT, LIMITED, "value", "currency"} | columns(META_EVENTS)
REQUIRED: Final = frozenset({"event_id", "event_name", "action_source", OCCURRED_AT})

SOURCES: Final = frozenset(
    {"app", "business_messaging", "chat", "email", "other", "phone_call", "physical_store", "system_generated"}
    | {"website"}
)
_STORE: Final = "physical_store"
_ON_THE_WAY: Final = timedelta(minutes=15)  # an event grows older while it waits, and while a call is repeated
_OLDEST: Final = timedelta(days=7) - _ON_THE_WAY
_OLDEST_IN_STORE: Final = timedelta(days=62) - _ON_THE_WAY
_ALONE_TOO_LITTLE: Final = frozenset({"ge", "db", "ct", "st", "zp", "country", "client_user_agent"})
_CURRENCY = re.compile(r"[A-Za-z]{3}")


def event(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return what Meta is told of a row; its time is left out where the row has none that can be read."""
    user: dict[str, Any] = {
        name: value if name in ("madid", "external_id") else [value]
        for name, value in told(META_EVENTS, payload).items()
    }
    body: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    for column, value in payload.items():
        if value is None:
            continue
        if column in EVENT:
            body[column] = value if column == "opt_out" else str(value)
        elif column in USER:
            user[column] = int(value) if column in NUMBERS and str(value).isdigit() else str(value)
        elif column == "currency":
            custom[column] = currency(value)
        elif column == "value":
            custom[column] = number(value)
        elif column not in COLUMNS:
            custom[column] = value
    at = moment(payload.get(OCCURRED_AT))
    if at is not None:
        body["event_time"] = int(at.timestamp())
    if payload.get(LIMITED):
        # Where the person lives is left to Meta, by the address that the event came from.
        body |= {"data_processing_options": ["LDU"], "data_processing_options_country": 0}
        body["data_processing_options_state"] = 0
    return body | {"user_data": user} | ({"custom_data": custom} if custom else {})


def problem(body: Mapping[str, Any], now: datetime) -> str:
    """Return the code of what keeps an event from being sent; empty where nothing does."""
    source, user, custom = body.get("action_source"), body["user_data"], body.get("custom_data", {})
    if "event_time" not in body:
        return "no_time"
    if source not in SOURCES:
        return "action_source"
    if now.timestamp() - body["event_time"] > (_OLDEST_IN_STORE if source == _STORE else _OLDEST).total_seconds():
        return "too_old"
    if source == "website" and not ("event_source_url" in body and "client_user_agent" in user):
        return "website"
    if body.get("event_name") == "Purchase" and not (
        isinstance(custom.get("value"), int | float) and _CURRENCY.fullmatch(custom.get("currency", ""))
    ):
        return "purchase"
    return "" if user.keys() - _ALONE_TOO_LITTLE else "nobody"


def size(payload: Mapping[str, Any]) -> int:
    """Return the bytes that a row adds to a call, at most: a value that is hashed counts as its hash and as itself."""
    return 200 + sum(len(column) + 80 + len(encode(value)) for column, value in payload.items() if value is not None)
