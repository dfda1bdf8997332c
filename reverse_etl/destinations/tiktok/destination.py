"""TikTok: people of an audience segment, and events; both spelled and hashed before they leave.

Written from the pages "Add or delete audience segment mappings" and "Report app, web, offline, or CRM events" of the
API for Business v1.3, as the Go SDK bububa/tiktok-business quotes them, read on 2026-11-22: the portal itself shows
them to a browser only. TikTok answers a call as a whole, with HTTP 200 and a code: 0 when it took all of it. Whether a
person was found it does not tell; the size of an audience shows after 24 to 48 hours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar

from pydantic import SecretStr

from reverse_etl.answers import Response
from reverse_etl.destinations.base import (
    Delivery,
    Family,
    HttpSettings,
    Limits,
    Mode,
    NullPolicy,
    ObjectSpec,
    Page,
    RowErrors,
    Settings,
)
from reverse_etl.destinations.codes import Codes, inside, objects, result
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.destinations.tiktok import payloads
from reverse_etl.destinations.tiktok.answers import CODES, classify, refuse_unless_done
from reverse_etl.destinations.tiktok.payloads import Source
from reverse_etl.errors import DestinationRefused
from reverse_etl.hashing.table import columns, hashed_columns
from reverse_etl.hashing.vendors import TIKTOK_EVENTS, TIKTOK_SEGMENT
from reverse_etl.rows import Op, Outcome, Row, RowResult, same_result

#: TikTok's own pages give no number of people. 10,000 and 50 calls a second are what Braze states of it ("Audience
#: Sync"); the pace here is that of an app of the basic level, and the bytes are what Tealium sends at most.
_PEOPLE = Limits(rows=10_000, bytes=1_000_000, calls_per_second=10, burst=10)
_EVENTS = Limits(rows=1_000, bytes=1_000_000, calls_per_second=10, burst=10)
_NAMES = frozenset({"email", "phone", "idfa", "gaid"})


class TikTokSettings(HttpSettings):
    """A TikTok advertiser; events need no advertiser."""

    base_url: str = "https://business-api.tiktok.com"
    access_token: SecretStr
    advertiser_id: str = ""


class TikTok(HttpDestination):
    """One TikTok advertiser, or one source of events."""

    name: ClassVar[str] = "tiktok"
    label: ClassVar[str] = "TikTok"
    family: ClassVar[Family] = Family.ADS
    api_version: ClassVar[str] = "v1.3"
    api_version_ends: ClassVar[date | None] = None
    documentation: ClassVar[Sequence[Page]] = (
        Page(
            "Add or delete audience segment mappings",
            date(2026, 11, 22),
            "https://business-api.tiktok.com/portal/docs?id=1739940506015746",
        ),
        Page("Report app, web, offline, or CRM events", date(2026, 11, 22)),
        Page("Customer File audiences", date(2026, 11, 22), "https://ads.tiktok.com/help/"),
    )
    settings_class: ClassVar[type[Settings]] = TikTokSettings
    codes: ClassVar[Codes] = CODES
    objects: ClassVar[Mapping[str, ObjectSpec]] = {
        "segment": ObjectSpec(
            row_errors=RowErrors.WHOLE,
            matched_by=("email", "phone"),
            modes=frozenset({Mode.MIRROR, Mode.UPSERT, Mode.APPEND}),
            # By nothing else: a changed key is a removal of the old one, which would stay in the audience otherwise.
            keys=_NAMES,
            columns=columns(TIKTOK_SEGMENT),
            hashed_columns=hashed_columns(TIKTOK_SEGMENT),
            identifiers={"email": "email", "phone": "phone"},
            limits={Op.ADD: _PEOPLE, Op.CHANGE: _PEOPLE, Op.REMOVE: _PEOPLE},
            needs_target=True,
            custom_columns=False,
            removal="The person's identifiers leave the audience.",
            nulls=frozenset({NullPolicy.CLEAR_OWN, NullPolicy.SKIP}),  # one and the same: what is empty is not sent
            concurrency=2,
        ),
        "event": ObjectSpec(
            row_errors=RowErrors.WHOLE,
            matched_by=("email", "phone"),
            modes=frozenset({Mode.APPEND}),
            keys=frozenset({"event_id"}),
            columns=payloads.COLUMNS,
            required=payloads.REQUIRED,
            hashed_columns=hashed_columns(TIKTOK_EVENTS),
            identifiers={"email": "email", "phone": "phone"},
            limits={Op.ADD: _EVENTS},
            needs_target=True,
            removal="An event that was sent cannot be taken back.",
            concurrency=2,
        ),
    }

    @classmethod
    def headers(cls, settings: TikTokSettings) -> dict[str, str]:
        """Return the headers of every call."""
        return {"Access-Token": settings.access_token.get_secret_value()}

    def check(self, delivery: Delivery) -> None:
        """Look the audience up; of a source of events, whether it takes a call that has none."""
        if delivery.object == "event":
            # With its own token nothing can be asked of it. A call without events is refused for that, unless it is
            # refused for the token or the source before.
            self._call("POST", "/event/track", self._events(delivery, []))
            return
        params = {"advertiser_id": self._advertiser(), "custom_audience_ids": json.dumps([audience(delivery)])}
        answer = self._call("GET", "/dmp/custom_audience/get", params=params)
        refuse_unless_done(answer)
        if not objects(inside(answer.body.get("data")).get("list")):
            raise DestinationRefused(
                "The advertiser has no such audience.",
                where=f"TikTok audience {delivery.target}, advertiser {self._advertiser()}",
                fix="Copy the audience's id from Ads Manager, and look whether it is the advertiser's own.",
            )

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body, at most."""
        return payloads.event_size(row.payload) if delivery.object == "event" else payloads.member_size(row.payload)

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Report events; or add people to the audience, or take them off."""
        return self._report(delivery, rows) if delivery.object == "event" else self._map(delivery, op, rows)

    def _map(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        people = {row.key: payloads.member(row.payload) for row in rows}
        sent = [row for row in rows if people[row.key]]
        code = "never_sent" if op is Op.REMOVE else "nothing_to_match"
        results = [result(CODES, row.key, code) for row in rows if not people[row.key]]
        if not sent:
            return results
        action = "delete" if op is Op.REMOVE else "add"
        body = payloads.mapping(self._advertiser(), audience(delivery), action, [people[row.key] for row in sent])
        refuse_unless_done(self._call("POST", "/segment/mapping", body))
        return [*results, *same_result(sent, Outcome.APPLIED)]

    def _report(self, delivery: Delivery, rows: Sequence[Row]) -> list[RowResult]:
        kind = source(delivery).kind
        bodies = {row.key: payloads.event(row.payload) for row in rows}
        problems = {key: code for key, body in bodies.items() if (code := payloads.problem(body, kind))}
        results = [result(CODES, key, code) for key, code in problems.items()]
        sent = [row for row in rows if row.key not in problems]
        if not sent:
            return results
        answer = self._call("POST", "/event/track", self._events(delivery, [bodies[row.key] for row in sent]))
        refuse_unless_done(answer)
        return [*results, *same_result(sent, Outcome.APPLIED)]

    @staticmethod
    def _events(delivery: Delivery, events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        kind, number = source(delivery)
        return {"event_source": kind, "event_source_id": number, "data": list(events)}

    def _advertiser(self) -> str:
        number = str(self.settings.advertiser_id)
        if not (number.isascii() and number.isdigit()):
            raise DestinationRefused(
                "An audience belongs to an advertiser, whose id is a number.",
                where="connections.yml, field advertiser_id",
                fix="Copy the advertiser's id from Ads Manager, and quote it in the yml.",
            )
        return number

    def _call(self, method: str, path: str, body: Any = None, params: Mapping[str, str] | None = None) -> Response:
        # Every call may be repeated: a person is in an audience once, and TikTok tells events apart by event_id.
        return self.http.request(
            method,
            f"/open_api/v1.3{path}/",
            json=body,
            params=params,
            idempotent=True,
            bucket="app",
            pace=_PEOPLE,
            classify=classify,
        )


def audience(delivery: Delivery) -> str:
    """Return the id of an audience.

    Raises:
        DestinationRefused: The target is not one, which is all digits.
    """
    number = delivery.target
    if number is None or not (number.isascii() and number.isdigit()):
        raise DestinationRefused(
            "An audience is named by its id, which is a number.",
            where="the exposure's sync block, field target",
            fix="Copy the audience's id from Ads Manager, and quote it in the yml.",
        )
    return number


def source(delivery: Delivery) -> Source:
    """Return where a sync's events happened.

    Raises:
        DestinationRefused: The target does not say.
    """
    kind, _, number = (delivery.target or "").partition(":")
    if kind not in payloads.SOURCES or not (number.isascii() and number.isalnum()):
        raise DestinationRefused(
            "Events need to be told where they happened, and TikTok's id of it.",
            where="the exposure's sync block, field target",
            fix="Write web:<pixel code>, offline:<event set's id> or crm:<event set's id>, from Events Manager.",
        )
    return Source(kind, number)
