"""Requests that were taken: processed later, and asked after by their ids."""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from sandbox.faults import Faults, Kind
from sandbox.store import Store

ACCOUNT = "google"
OLDEST = timedelta(days=90)  #: of an event
DUPLICATE = "DUPLICATE_TRANSACTION_ID"
STATUS_PATH = "/v1/requestStatus:retrieve"
_PREFIX = "PROCESSING_ERROR_REASON_"

#: The kind of a request: which status it has, and in what.
_STATUS = {
    "ingest": ("audienceMembersIngestionStatus", "{}DataIngestionStatus"),
    "remove": ("audienceMembersRemovalStatus", "{}DataRemovalStatus"),
    "events": ("eventsIngestionStatus", ""),
}


class Requests:
    """The requests of one project.

    Args:
        seconds: How long one takes.
    """

    def __init__(self, store: Store, faults: Faults, seconds: float) -> None:
        self.store = store
        self.faults = faults
        self.seconds = seconds

    def create(self, kind: str, path: str, body: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> str:
        """Take a request.

        Args:
            kind: ``ingest``, ``remove`` or ``events``.
            path: The path that it came by.
            body: The request.
            items: Its members or events.
        """
        request_id = uuid.uuid4().hex[:16]
        stuck = self.faults.take(ACCOUNT, Kind.JOB_STUCK, path=path)
        failed = None if stuck else self.faults.take(ACCOUNT, Kind.JOB_FAILED, path=path)
        payload = {"consent": body.get("consent"), "items": items, "refused": self._refused(items)}
        told = {
            "kind": kind,
            "destinations": body["destinations"],
            "of": "mobile" if any("mobileData" in item for item in items[:1]) else "user",
            "identifiers": sum(len(_identifiers(item)) for item in items),
        }
        now = time.time()
        self.store.execute(
            "insert into jobs values (?, ?, ?, null, ?, ?, ?, ?, ?, ?)",
            request_id,
            ACCOUNT,
            now,
            None if stuck or failed else now + self.seconds,
            now if failed else None,
            "FAILED" if failed else "PROCESSING",
            len(items),
            encode(payload),
            encode(told),
        )
        return request_id

    def statuses(self, request_id: str) -> list[dict[str, Any]] | None:
        """Return the status of a request at each of its destinations, or ``None``."""
        row = self.store.one("select status, total, result from jobs where account = ? and id = ?", ACCOUNT, request_id)
        if row is None:
            return None
        told = orjson.loads(row["result"])
        found = []
        for number, destination in enumerate(told["destinations"]):
            errors = told["errors"][number] if "errors" in told else {}
            status: dict[str, Any] = {"destination": destination, "requestStatus": row["status"]}
            status |= _counted(told["kind"], row["total"], told["of"], told["identifiers"])
            if row["status"] == "DONE":
                refused = sum(len(places) for places in errors.values())
                status["requestStatus"] = (
                    "SUCCESS" if not refused else "FAILED" if refused == row["total"] else "PARTIAL_SUCCESS"
                )
            if errors:
                status["errorInfo"] = {
                    "errorCounts": [
                        {"recordCount": str(len(places)), "reason": _PREFIX + reason, "recordIndices": places}
                        for reason, places in sorted(errors.items())
                    ]
                }
            found.append(status)
        return found

    def advance(self) -> None:
        """Process the requests whose time has come."""
        due = self.store.query(
            "select id from jobs where account = ? and status = 'PROCESSING' and due_at <= ? order by due_at, rowid",
            ACCOUNT,
            time.time(),
        )
        for row in due:
            with self.store.transaction():
                self._process(row["id"])

    def release(self) -> None:
        """Let stuck requests go on."""
        self.store.execute(
            "update jobs set due_at = ? where account = ? and status = 'PROCESSING' and due_at is null",
            time.time(),
            ACCOUNT,
        )

    def _process(self, request_id: str) -> None:
        job = self.store.exactly_one("select payload, result from jobs where id = ?", request_id)
        payload, told = orjson.loads(job["payload"]), orjson.loads(job["result"])
        told["errors"] = []
        for destination in told["destinations"]:
            reference, target = destination.get("reference"), destination["productDestinationId"]
            mine = [
                (place, item)
                for place, item in enumerate(payload["items"])
                if not item.get("destinationReferences") or reference in item["destinationReferences"]
            ]
            told["errors"].append(self._apply(told["kind"], payload, target, mine))
        self.store.execute(
            "update jobs set status = 'DONE', finished_at = ?, payload = '{}', result = ? where id = ?",
            time.time(),
            encode(told),
            request_id,
        )

    def _apply(
        self, kind: str, payload: Mapping[str, Any], target: str, items: Sequence[tuple[int, Mapping[str, Any]]]
    ) -> dict[str, list[int]]:
        """Apply items to a target and return the places of those that were refused, by reason."""
        refused: dict[str, list[int]] = defaultdict(list)
        taken: list[tuple[int, Mapping[str, Any]]] = []
        bad = set(payload["refused"])
        for place, item in items:
            consent = item.get("consent") or payload["consent"] or {}
            if place in bad:
                refused["INVALID_FORMAT"].append(place)
            elif consent.get("adUserData") == "CONSENT_DENIED":
                refused["DENIED_CONSENT"].append(place)
            else:
                taken.append((place, item))
        if kind == "events":
            self._add_events(target, taken, refused)
        elif kind == "remove":
            self.store.remove_members(ACCOUNT, target, self._known(target, [item for _, item in taken]))
        else:
            people = [_identifiers(item) for _, item in taken]
            self.store.add_members(ACCOUNT, target, [(_name(person), flat(person)) for person in people])
        for reason, places in refused.items():
            if reason != DUPLICATE:  # what is there already is no loss
                self.store.note_refusal(ACCOUNT, STATUS_PATH, reason, "rows of a request", len(places))
        return dict(refused)

    def _add_events(
        self, target: str, events: Sequence[tuple[int, Mapping[str, Any]]], refused: dict[str, list[int]]
    ) -> None:
        known = self._there(target, [event["transactionId"] for _, event in events if "transactionId" in event])
        oldest = datetime.now(UTC) - OLDEST
        new: list[tuple[str, dict[str, Any]]] = []
        for place, event in events:
            event_id = event.get("transactionId") or uuid.uuid4().hex
            if datetime.fromisoformat(event["eventTimestamp"]) < oldest:
                refused["EVENT_TOO_OLD"].append(place)
            elif event_id in known:
                refused[DUPLICATE].append(place)
            else:
                known.add(event_id)
                new.append((event_id, {**flat(_identifiers(event)), **_plain(event)}))
        self.store.add_members(ACCOUNT, target, new)

    def _known(self, target: str, items: Sequence[Mapping[str, Any]]) -> list[str]:
        """Return the members that a removal names: by any identifier, since Google finds the person behind it."""
        people = {_name(person): person for person in map(_identifiers, items)}
        found = self._there(target, people)
        others = {(name, value) for key in people.keys() - found for name, value in people[key]}
        if others:
            for row in self.store.members(ACCOUNT, target):
                if any((name.rstrip("0123456789"), value) in others for name, value in row["data"].items()):
                    found.add(row["member_id"])
        return sorted(found)

    def _there(self, target: str, names: Iterable[str]) -> set[str]:
        """Return which of these members a target has."""
        return set(self.store.find_members(ACCOUNT, target, names))

    def _refused(self, items: Sequence[Mapping[str, Any]]) -> list[int]:
        """Return the places that a fault refuses, whose JSON is not looked at while there is none."""
        if not any(fault["kind"] == Kind.REFUSE_ROWS for fault in self.faults.list()):
            return []
        texts = enumerate(encode(item) for item in items)
        return [place for place, text in texts if self.faults.take(ACCOUNT, Kind.REFUSE_ROWS, text=text)]


def encode(value: Any) -> str:
    """Return a value as JSON."""
    return orjson.dumps(value).decode()


def flat(person: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return identifiers as the page shows a member: the first of each kind under its own name."""
    shown: dict[str, str] = {}
    for name, value in person:
        number = sum(1 for known in shown if known.startswith(name))
        shown[f"{name}{number + 1}" if number else name] = value
    return shown


def _identifiers(item: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = [("mobileId", one) for one in item.get("mobileData", {}).get("mobileIds", [])]
    for identifier in item.get("userData", {}).get("userIdentifiers", []):
        for name, value in identifier.items():
            found.append((name, "/".join(value[part] for part in sorted(value)) if name == "address" else value))
    return found


def _name(person: Sequence[tuple[str, str]]) -> str:
    return ":".join(person[0]) if person else "nobody"


def _plain(event: Mapping[str, Any]) -> dict[str, str]:
    """Return an event's own values, and its custom variables by name."""
    shown = {name: str(value) for name, value in event.items() if isinstance(value, str | int | float)}
    shown |= {name: str(value) for name, value in event.get("adIdentifiers", {}).items()}
    return shown | {one["variable"]: one["value"] for one in event.get("customVariables", [])}


def _counted(kind: str, total: int, of: str, identifiers: int) -> dict[str, Any]:
    outer, inner = _STATUS[kind]
    counts: dict[str, Any] = {"recordCount": str(total)}
    if not inner:
        return {outer: counts}
    counts["mobileIdCount" if of == "mobile" else "userIdentifierCount"] = str(identifiers)
    if kind == "ingest" and of == "user":
        counts["uploadMatchRateRange"] = "MATCH_RATE_RANGE_UNKNOWN"
    return {outer: {inner.format(of): counts}}
