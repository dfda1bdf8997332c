"""What TikTok asks of an event, from the page "Report app, web, offline, or CRM events" of API v1.3."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MOST = 1_000
SOURCES = ("app", "crm", "offline", "web")
DAY = 86_400
STANDARD = {
    *("AddPaymentInfo", "AddToCart", "AddToWishlist", "ApplicationApproval", "ClickButton", "CompletePayment"),
    *("CompleteRegistration", "Contact", "CustomizeProduct", "Download", "FindLocation", "InitiateCheckout", "Lead"),
    *("PlaceAnOrder", "Purchase", "Schedule", "Search", "StartTrial", "SubmitApplication", "SubmitForm", "Subscribe"),
    "ViewContent",
}
CURRENCIES = set(
    re.findall(
        "[A-Z]{3}",
        "AED ARS AUD BDT BHD BIF BOB BRL CAD CHF CLP CNY COP CRC CZK DKK DZD EGP EUR GBP GTQ HKD HNL HUF IDR "
        "ILS INR ISK JPY KES KHR KRW KWD KZT MAD MOP MXN MYR NGN NIO NOK NZD OMR PEN PHP PKR PLN PYG QAR RON "
        "RUB SAR SEK SGD THB TRY TWD UAH USD VES VND ZAR",
    )
)
HASHED = ("email", "phone", "external_id")
ONLINE = {"ttclid", "ttp", "ip", "user_agent", "locale"}
_SHA256 = re.compile(r"[0-9a-f]{64}")


def problem(event: Any, source: str, now: float) -> str:
    """Return what is wrong with an event, or nothing."""
    if not isinstance(event, dict):
        return "data: an object is expected"
    name, at = event.get("event"), event.get("event_time")
    if not isinstance(name, str) or not name:
        return "event: missing"
    if source == "offline" and name not in STANDARD:
        return "event: only standard events are supported for offline events"
    if isinstance(at, bool) or not isinstance(at, int) or not 0 < at < now + DAY:
        return "event_time: a Unix timestamp in seconds is expected"
    if not isinstance(event.get("event_id"), str) or not event["event_id"]:
        return "event_id: missing"
    if source == "web" and not (event.get("page") or {}).get("url"):
        return "page.url: missing"
    if source == "crm" and not (event.get("lead") or {}).get("lead_id"):
        return "lead.lead_id: missing"
    if not isinstance(event.get("limited_data_use", False), bool):
        return "limited_data_use: a boolean is expected"
    return _of_user(event.get("user", {}), source) or _of_properties(event.get("properties", {}))


def _of_user(user: Mapping[str, Any], source: str) -> str:
    if set(user) - {*HASHED, *ONLINE}:
        return "user: unknown field"
    if source in ("offline", "crm") and set(user) & {"ttclid", "ttp"}:
        return "user: only web events may carry a click or a cookie"
    for field in HASHED:
        values = user.get(field, [])
        if not all(_SHA256.fullmatch(str(value)) for value in (values if isinstance(values, list) else [values])):
            return f"user.{field}: a SHA-256 is expected"
    return ""


def _of_properties(properties: Mapping[str, Any]) -> str:
    value = properties.get("value", 0)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "properties.value: a number is expected"
    if properties.get("currency", "EUR") not in CURRENCIES:
        return "properties.currency: not supported"
    return ""
