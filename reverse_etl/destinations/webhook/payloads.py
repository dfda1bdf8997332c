"""What a call carries, and what an endpoint's answer means: docs/destinations/webhook.md is the contract."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from reverse_etl.answers import Action, Response, Verdict, by_status
from reverse_etl.destinations.base import Delivery, Mode
from reverse_etl.destinations.codes import OTHER, Codes, Meaning, objects, short
from reverse_etl.destinations.policies import written
from reverse_etl.rows import Op, Outcome, Row, RowResult, same_result
from reverse_etl.wire import parse

CODES: Codes = {
    "applied": Meaning(Outcome.APPLIED, "the endpoint has taken the row"),
    "refused": Meaning(Outcome.PERMANENT, "the endpoint refused the row"),
    "retry": Meaning(Outcome.TRANSIENT, "the endpoint asks to send the row again"),
    "later": Meaning(Outcome.INFO, "the endpoint declines the row for now"),
    "too_large": Meaning(Outcome.PERMANENT, "the row alone makes a larger body than is sent"),
    "template": Meaning(Outcome.PERMANENT, "the template cannot be filled in with the row's values"),
    "400": Meaning(Outcome.PERMANENT, "the endpoint refused the row as invalid"),
    "409": Meaning(Outcome.PERMANENT, "the endpoint refused the row as a conflict"),
    "413": Meaning(Outcome.PERMANENT, "the endpoint refused the row as too large"),
    "415": Meaning(Outcome.PERMANENT, "the endpoint does not take the body's type"),
    "422": Meaning(Outcome.PERMANENT, "the endpoint refused a value of the row"),
    OTHER: Meaning(Outcome.PERMANENT, "the endpoint refused the row"),
}
_PAGE = re.compile(r"\s*<(!doctype html|html)\b", re.IGNORECASE)
_STATUSES = ("applied", "refused", "retry", "later")
_NO_ADDRESS = (
    "Check the connection's base_url and path: the endpoint must answer 2xx also to a removal of what it lacks."
)


def item(delivery: Delivery, row: Row) -> dict[str, Any]:
    """Return a row as the default body has it; of a removal no more than the key leaves."""
    values = {delivery.key: row.payload.get(delivery.key, row.key)}
    if row.op is not Op.REMOVE:
        values |= written(delivery, row)
    return {"op": str(row.op), "key": row.key, "row": values, "changed": sorted(row.changed)}


def whole(delivery: Delivery, row: Row, fields: Iterable[str]) -> dict[str, Any]:
    """Return a row as a template sees it: with every column of the feed, empty ones too."""
    values = {**dict.fromkeys(fields), delivery.key: row.key, **row.payload}
    return {"op": str(row.op), "key": row.key, "row": values, "changed": sorted(row.changed)}


def idempotency_key(delivery: Delivery, rows: Sequence[Row]) -> str:
    """Return what names a call, so that an endpoint can tell its repetition.

    Rows that are appended are sent once, so they name the call in every run. Others may rightly be sent again with the
    same values, after a value has gone and come back: only the attempts of one call share its name.
    """
    if delivery.mode is not Mode.APPEND:
        return uuid4().hex
    names = "\n".join(row.key for row in rows)
    return hashlib.sha256(f"{delivery.object}\n{names}".encode()).hexdigest()[:32]


def classify(response: Response) -> Verdict:
    """Judge an answer: a page is none, whatever its status, and an address that is not there is not the row's fault."""
    if response.status in (404, 405, 410):
        return Verdict(Action.REFUSE, str(response.status), "there is no such endpoint", _NO_ADDRESS)
    if 200 <= response.status < 300 and isinstance(response.data, str) and _PAGE.match(response.data):
        return Verdict(Action.UNSURE, "not_json", "the answer was a page, as a proxy or a login gives it")
    return by_status(response)


def results(rows: Sequence[Row], answer: Response) -> list[RowResult]:
    """Return what became of rows whose call was taken: by the answer's ``results``, else all as the status says.

    A row that the ``results`` do not mention is left out: nothing is known of it.
    """
    told = _told(answer.data)
    if told is None:
        return same_result(rows, Outcome.APPLIED)
    sent = {row.key for row in rows}
    return [result for one in objects(told) if (result := _result(one)) is not None and result.key in sent]


def _told(text: Any) -> Any:
    readable, data = parse(text.encode()) if isinstance(text, str) else (False, None)
    return data.get("results") if readable and isinstance(data, dict) and "results" in data else None


def _result(one: Mapping[str, Any]) -> RowResult | None:
    status = one.get("status")
    if status not in _STATUSES or "key" not in one:
        return None
    outcome, reason = CODES[status]
    code = short(one["code"]) if one.get("code") else status
    known_as = one.get("id")
    told = str(known_as) if isinstance(known_as, str | int) else None
    if outcome is Outcome.APPLIED:
        return RowResult(str(one["key"]), outcome, destination_id=told)
    return RowResult(str(one["key"]), outcome, code, reason, destination_id=told)
