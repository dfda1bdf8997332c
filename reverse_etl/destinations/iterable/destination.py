"""Iterable: user profiles, membership of static lists, and events.

Written from Iterable's API documentation and its "API Response Codes", both in the copies that api-evangelist keeps,
and from "User Profile Fields Used by Iterable", read on 2026-11-22. The API has no versions.

A removal takes people off one list. Endpoints that change which channels and message types somebody gets, or that
forget people, are not part of this module; nor may a feed have the profile fields that do the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, ClassVar

from pydantic import SecretStr

from reverse_etl.answers import Response
from reverse_etl.destinations.base import (
    Count,
    Delivery,
    Family,
    HttpSettings,
    Member,
    Mode,
    NullPolicy,
    ObjectSpec,
    Page,
    RowErrors,
    Settings,
)
from reverse_etl.destinations.codes import Codes, result
from reverse_etl.destinations.consent import refuse_consent
from reverse_etl.destinations.iterable.calls import EVENTS, LISTS, USERS, Calls
from reverse_etl.destinations.iterable.payloads import (
    CODES,
    CONSENT,
    EVENT,
    KEYS,
    dropped,
    event,
    map_answer,
    user,
    whom,
)
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.errors import DestinationRefused
from reverse_etl.http import HttpClient, encode
from reverse_etl.rows import Op, Row, RowResult

_AROUND = 150  #: bytes of an object beside a row's values
_READ = date(2026, 11, 22)
_PERSON = {"userId": "user_id", "email": "email", "phoneNumber": "phone"}


class IterableSettings(HttpSettings):
    """An Iterable project. Of one in the European data center, ``base_url`` is https://api.eu.iterable.com."""

    base_url: str = "https://api.iterable.com"
    api_key: SecretStr
    merge_nested_objects: bool = True


class Iterable(HttpDestination):
    """One Iterable project."""

    name: ClassVar[str] = "iterable"
    label: ClassVar[str] = "Iterable"
    family: ClassVar[Family] = Family.MESSAGING
    api_version: ClassVar[str] = "unversioned"
    api_version_ends: ClassVar[date | None] = None
    documentation: ClassVar[Sequence[Page]] = (
        Page(
            "API documentation: users, lists, events (api.iterable.com/api/docs, in a copy)",
            _READ,
            "https://github.com/api-evangelist/iterable/tree/main/openapi",
        ),
        Page(
            "API Response Codes (support.iterable.com, in a copy)",
            _READ,
            "https://github.com/api-evangelist/iterable/blob/main/errors/iterable-error-codes.yml",
        ),
        Page(
            "User Profile Fields Used by Iterable",
            _READ,
            "https://support.iterable.com/hc/en-us/articles/217744303-User-Profile-Fields-Used-by-Iterable",
        ),
    )
    settings_class: ClassVar[type[Settings]] = IterableSettings
    codes: ClassVar[Codes] = CODES
    objects: ClassVar[Mapping[str, ObjectSpec]] = {
        # No update: a bulk update creates whom it does not know, and cannot be told not to.
        "user": ObjectSpec(
            modes=frozenset({Mode.UPSERT}),
            keys=frozenset(KEYS),
            columns=frozenset({*KEYS, "phoneNumber", "firstName", "lastName"}),
            identifiers=_PERSON,
            limits={Op.ADD: USERS, Op.CHANGE: USERS},
            row_errors=RowErrors.BY_KEY,
            removal="None: a list takes people out; an erasure is not a sync.",
            nulls=frozenset({NullPolicy.CLEAR_OWN, NullPolicy.SKIP, NullPolicy.CLEAR}),
            sends_changes=True,
            concurrency=4,
            refused_columns=CONSENT,
        ),
        "list": ObjectSpec(
            modes=frozenset({Mode.MIRROR, Mode.UPSERT}),
            keys=frozenset(KEYS),
            columns=frozenset(KEYS),
            identifiers={"userId": "user_id", "email": "email"},
            limits={Op.ADD: LISTS, Op.CHANGE: LISTS, Op.REMOVE: LISTS},
            needs_target=True,
            custom_columns=False,
            row_errors=RowErrors.BY_KEY,
            removal="The person leaves the list; channels, message types and the profile stay as they are.",
            lists_members=True,
            counts=True,
            concurrency=4,
        ),
        "event": ObjectSpec(
            modes=frozenset({Mode.APPEND}),
            keys=frozenset({"event_id"}),
            columns=EVENT,
            required=frozenset({"event_name", "occurred_at"}),
            identifiers=_PERSON,
            limits={Op.ADD: EVENTS},
            row_errors=RowErrors.BY_KEY,
            removal="None: an event stays.",
            concurrency=4,
        ),
    }

    def __init__(self, settings: Any, http: HttpClient) -> None:
        super().__init__(settings, http)
        self._calls = Calls(http)

    @classmethod
    def headers(cls, settings: IterableSettings) -> dict[str, str]:
        """Return the headers of every call."""
        return {"Api-Key": settings.api_key.get_secret_value(), "Accept": "application/json"}

    def check(self, delivery: Delivery) -> None:
        """Make sure that the key may write, and that a list is there and takes people.

        Where there is nothing to read that needs the same right, nothing is written, by a call without rows: a key
        that may not is refused whatever the call holds.
        """
        refuse_consent(self.label, self.objects[delivery.object], delivery.fields)
        if delivery.object == "list":
            self._calls.prove_list(_list_id(delivery.target))
        elif delivery.object == "event":
            self._calls.events([])
        else:
            self._calls.users([])

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body, at most."""
        return len(encode([row.key, row.payload])) + _AROUND

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Write a batch of profiles or events, or put people on a list or take them off."""
        if op is not Op.REMOVE:
            refuse_consent(self.label, self.objects[delivery.object], rows[0].payload)
        results: dict[str, RowResult] = {}
        sent: list[Row] = []
        bodies: list[dict[str, Any]] = []
        for row in rows:
            body = self._object(delivery, row)
            if isinstance(body, dict):
                sent.append(row)
                bodies.append(body)
            else:
                results[row.key] = result(CODES, row.key, body or "nothing_to_write")
        if sent:
            answer = self._write(delivery, op, bodies)
            results |= {found.key: found for found in map_answer(sent, answer, delivery.key, op)}
            _refuse_dropped(dropped(answer, frozenset(sent[0].payload)))
        return [results[row.key] for row in rows]

    def members(self, delivery: Delivery) -> Iterator[Member]:
        """Yield who is on the list, by the sync's key."""
        for key in self._calls.members(_list_id(delivery.target), delivery.key):
            yield Member(key)

    def count(self, delivery: Delivery) -> Count | None:
        """Return how many are on the list."""
        count = self._calls.count(_list_id(delivery.target))
        return None if count is None else Count(count, count)

    def _object(self, delivery: Delivery, row: Row) -> dict[str, Any] | str | None:
        """Return what is sent of a row; a code where it cannot be, nothing where nothing is to be."""
        if delivery.object == "event":
            return event(row)
        if delivery.object == "list":
            named = whom(delivery.key, row.key)
            return {delivery.key: named[delivery.key]} if row.op is Op.REMOVE else named
        return user(delivery, row, merge=self.settings.merge_nested_objects)

    def _write(self, delivery: Delivery, op: Op, bodies: Sequence[Mapping[str, Any]]) -> Response:
        if delivery.object == "event":
            return self._calls.events(bodies)
        if delivery.object == "user":
            return self._calls.users(bodies)
        list_id = _list_id(delivery.target)
        return self._calls.take_off(list_id, bodies) if op is Op.REMOVE else self._calls.put_on(list_id, bodies)


def _refuse_dropped(columns: Sequence[str]) -> None:
    """Stop where Iterable left columns out of what it took: nothing of them would ever arrive."""
    if columns:
        raise DestinationRefused(
            f"The Iterable project does not know {', '.join(columns)}, and takes no new fields.",
            where="the feed's columns",
            fix="Add them under Settings, Data Schema Management, or leave them out of the feed.",
        )


def _list_id(target: str | None) -> int:
    if target is None or not (target.isascii() and target.isdigit()):
        raise DestinationRefused(
            "One of Iterable's lists is named by its id, which is a number.",
            where="the exposure's sync block, field target",
            fix="Use the id that Iterable shows beside the list's name.",
        )
    return int(target)
