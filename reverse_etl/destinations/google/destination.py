"""Google Data Manager: members of audiences, and conversions, of Google Ads and Display & Video 360.

Written from the discovery document (revision 20261106), the guides "Send audience members", "Send events", "Format user
data", "Limits and quotas", "Understand API errors" and "Diagnostics", read on 2026-11-22.

A request is checked whole before it is taken: one malformed row spoils it, so it is halved until that row stands alone.
What became of each row is known some thirty minutes later, at most a day: rows stay open until then, over many runs.

The calls that empty an audience, delete one, or unlink identities of an account are not part of this module.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, ClassVar

from reverse_etl.answers import Response
from reverse_etl.auth.credentials import Credentials
from reverse_etl.auth.oauth import ServiceAccount
from reverse_etl.destinations.base import (
    Delivery,
    Family,
    Limits,
    Mode,
    NullPolicy,
    ObjectSpec,
    Page,
    RowErrors,
    Settings,
)
from reverse_etl.destinations.codes import Codes, result
from reverse_etl.destinations.google.codes import CODES, JOB_GONE, classify, classify_status, code_of
from reverse_etl.destinations.google.payloads import (
    CLICKS,
    EVENT,
    MOBILE_ID,
    PERSON,
    body,
    event,
    member,
    size,
    timestamp,
)
from reverse_etl.destinations.google.settings import CONSENTS, GoogleSettings, place
from reverse_etl.destinations.google.statuses import in_order, results
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.hashing.table import hashed_columns
from reverse_etl.hashing.vendors import GOOGLE
from reverse_etl.http import HttpClient
from reverse_etl.rows import Op, Outcome, Row, RowResult

SCOPE = "https://www.googleapis.com/auth/datamanager"

#: 300 calls a minute, burst and all, and 100,000 a day for the project. Google gives no limit of bytes; this is ours.
_MEMBERS = Limits(rows=10_000, bytes=8_000_000, calls_per_second=4.9, burst=5)
_EVENTS = Limits(rows=2_000, bytes=8_000_000, calls_per_second=4.9, burst=5)
_STATUSES = Limits(rows=1, bytes=0, calls_per_second=4.9, burst=5)  # the quota of reads is one of its own

_NULLS = frozenset({NullPolicy.CLEAR_OWN, NullPolicy.SKIP})  # one and the same here: nothing is ever emptied


class Google(HttpDestination):
    """One account, by the Data Manager API."""

    name: ClassVar[str] = "google"
    label: ClassVar[str] = "Google Data Manager"
    family: ClassVar[Family] = Family.ADS
    api_version: ClassVar[str] = "v1"
    api_version_ends: ClassVar[date | None] = None
    documentation: ClassVar[Sequence[Page]] = (
        Page(
            "Method: audienceMembers.ingest",
            date(2026, 11, 22),
            "https://developers.google.com/data-manager/api/reference/rest/v1/audienceMembers/ingest",
        ),
        Page(
            "Discovery document, revision 20261106",
            date(2026, 11, 22),
            "https://datamanager.googleapis.com/$discovery/rest?version=v1",
        ),
        Page(
            "Send events",
            date(2026, 11, 22),
            "https://developers.google.com/data-manager/api/devguides/events/google-ads/offline/send-events",
        ),
        Page(
            "Limits and quotas", date(2026, 11, 22), "https://developers.google.com/data-manager/api/devguides/limits"
        ),
        Page(
            "Understand API errors",
            date(2026, 11, 22),
            "https://developers.google.com/data-manager/api/devguides/concepts/understand-errors",
        ),
        Page("Diagnostics", date(2026, 11, 22), "https://developers.google.com/data-manager/api/devguides/diagnostics"),
        Page(
            "Method: requestStatus.retrieve",
            date(2026, 11, 22),
            "https://developers.google.com/data-manager/api/reference/rest/v1/requestStatus/retrieve",
        ),
    )
    settings_class: ClassVar[type[Settings]] = GoogleSettings
    codes: ClassVar[Codes] = CODES
    objects: ClassVar[Mapping[str, ObjectSpec]] = {
        "audience": ObjectSpec(
            modes=frozenset({Mode.MIRROR, Mode.UPSERT, Mode.APPEND}),
            # By nothing else: a changed key is a removal of the old one, which would stay in the audience otherwise.
            keys=frozenset({"email", "phone", MOBILE_ID}),
            columns=PERSON | {MOBILE_ID},
            hashed_columns=hashed_columns(GOOGLE),
            matched_by=("email", "phone"),
            identifiers={"email": "email", "phone": "phone"},
            limits={Op.ADD: _MEMBERS, Op.CHANGE: _MEMBERS, Op.REMOVE: _MEMBERS},
            needs_target=True,
            asynchronous=True,
            row_errors=RowErrors.BY_PLACE,
            custom_columns=False,
            removal="The person leaves the audience. The audience, and what Google knows of the person, stay.",
            nulls=_NULLS,
            concurrency=4,
        ),
        "conversion": ObjectSpec(
            modes=frozenset({Mode.APPEND}),
            keys=frozenset({"event_id"}),
            columns=EVENT,
            required=frozenset({"occurred_at"}),
            hashed_columns=hashed_columns(GOOGLE),
            matched_by=("email", "phone", *sorted(CLICKS)),
            identifiers={"email": "email", "phone": "phone"},
            limits={Op.ADD: _EVENTS},
            needs_target=True,
            asynchronous=True,
            row_errors=RowErrors.BY_PLACE,
            removal="None: a conversion that Google took stays.",
            nulls=_NULLS,
            concurrency=4,
        ),
    }

    def __init__(self, settings: Any, http: HttpClient) -> None:
        super().__init__(settings, http)
        self._consent = {CONSENTS[consent]: "CONSENT_GRANTED" for consent in sorted(settings.consents)}
        accepted = settings.customer_match_terms is not None
        self._terms = {"customerMatchTermsOfServiceStatus": "ACCEPTED"} if accepted else None

    @classmethod
    def authenticate(cls, settings: GoogleSettings) -> Credentials:
        """Return the service account, whose tokens hold an hour."""
        return ServiceAccount(settings.service_account, [SCOPE], settings.token_url)

    def check(self, delivery: Delivery) -> None:
        """Let Google look at a made-up row without taking it, which shows access, target, its type and the terms."""
        probe = hashlib.sha256(b"weft@example.com").hexdigest()
        person: dict[str, Any] = {"userData": {"userIdentifiers": [{"emailAddress": probe}]}}
        if delivery.object == "conversion":
            made_up = {"transactionId": "weft", "eventTimestamp": timestamp(datetime.now(UTC)), **person}
            answer = self._ingest_events(delivery, [made_up], True)
        else:
            if delivery.key == MOBILE_ID:
                person = {"mobileData": {"mobileIds": ["00000000-0000-4000-8000-000000000000"]}}
            answer = self._ingest_members(delivery, [person], True)
        if answer.status >= 300:
            raise DestinationRefused(
                f"Google refuses a row that it was asked to look at only ({code_of(answer)}, status {answer.status}).",
                where=f"{delivery.object} {delivery.target}",
                fix="Check account_id, account_type and the target; Google's page on API errors lists what it refuses.",
            )

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body, at most."""
        return size(row)

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Hand a batch over; what becomes of its rows is told later."""
        kept: list[RowResult] = []
        sent: list[Row] = []
        items: list[dict[str, Any]] = []
        for row in in_order(rows):
            made = self._made(delivery, op, row)
            if isinstance(made, str):
                kept.append(result(CODES, row.key, made))
            else:
                sent.append(row)
                items.append(made)
        if not sent:
            return kept
        if delivery.object == "conversion":
            answer = self._ingest_events(delivery, items)
        elif op is Op.REMOVE:
            answer = self._call(
                "/v1/audienceMembers:remove", body(place(self.settings, delivery.target), "audienceMembers", items)
            )
        else:
            answer = self._ingest_members(delivery, items)
        if answer.status >= 300:
            raise BatchRefused(code_of(answer), "Google refused the request")
        request = answer.body.get("requestId")
        if not isinstance(request, str) or not request:
            return [*kept, *(result(CODES, row.key, "no_request") for row in sent)]
        return [*kept, *(RowResult(row.key, Outcome.ACCEPTED, job_id=request) for row in sent)]

    def settle(self, delivery: Delivery, job_id: str, rows: Sequence[Row]) -> list[RowResult] | None:
        """Ask what became of a request. Google counts from half an hour to a day for it."""
        answer = self.http.request(
            "GET",
            "/v1/requestStatus:retrieve",
            params={"requestId": job_id},
            idempotent=True,
            bucket="status",
            pace=_STATUSES,
            classify=classify_status,
        )
        if answer.status >= 300:
            return [result(CODES, row.key, JOB_GONE) for row in rows]
        return results(rows, answer.body)

    @staticmethod
    def _made(delivery: Delivery, op: Op, row: Row) -> dict[str, Any] | str:
        if delivery.object == "conversion":
            return event(row.payload)
        return member(delivery, row.payload) or ("never_sent" if op is Op.REMOVE else "nothing_to_match")

    def _ingest_members(self, delivery: Delivery, members: Sequence[Any], only_validate: bool = False) -> Response:
        given = {"consent": self._consent, "termsOfService": self._terms, "validateOnly": only_validate}
        return self._call(
            "/v1/audienceMembers:ingest",
            body(place(self.settings, delivery.target), "audienceMembers", members, **given),
        )

    def _ingest_events(self, delivery: Delivery, events: Sequence[Any], only_validate: bool = False) -> Response:
        given = {"consent": self._consent, "validateOnly": only_validate}
        return self._call("/v1/events:ingest", body(place(self.settings, delivery.target), "events", events, **given))

    def _call(self, path: str, request: Mapping[str, Any]) -> Response:
        # May be repeated: an audience holds a person once, and a conversion is known by its transaction id.
        return self.http.request(
            "POST", path, json=request, idempotent=True, bucket="ingestion", pace=_MEMBERS, classify=classify
        )
