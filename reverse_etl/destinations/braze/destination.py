"""Braze: attributes, events, membership of a subscription group, and audiences as attributes.

Written from Braze's pages "Track users", "User attributes object", "Event object", "Update user's subscription group
status (V2)", "List user's subscription group status", "API errors and responses" and "Rate limits", read on 2026-11-22.
The API has no versions but for single endpoints.

Attributes are billed one by one, so a change carries what changed and nothing else. ``/users/track/bulk`` takes more in
a call, but is in limited beta by some of Braze's pages, so it is not used.

Whether somebody is subscribed is consent. Braze tells the state and not since when, so no sync can know that a consent
is newer than an unsubscription: whoever is ``Unsubscribed`` stays so, whatever the feed says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import SecretStr, field_validator, model_validator

from reverse_etl.destinations.base import (
    Delivery,
    Family,
    HttpSettings,
    Mode,
    NullPolicy,
    ObjectSpec,
    Page,
    RowErrors,
    Settings,
)
from reverse_etl.destinations.braze.calls import STATES, TRACK, Calls
from reverse_etl.destinations.braze.payloads import (
    ATTRIBUTES,
    CODES,
    CONSENT,
    CONTROLS,
    EVENT,
    EVENTS,
    IDENTIFIERS,
    STANDARD,
    attributes,
    event,
    flag,
    map_track,
)
from reverse_etl.destinations.codes import Codes, result
from reverse_etl.destinations.consent import refuse_consent
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.errors import DestinationRefused
from reverse_etl.http import HttpClient, encode
from reverse_etl.rows import Op, Outcome, Row, RowResult

SUBSCRIBED, UNSUBSCRIBED, UNDECIDED = "subscribed", "unsubscribed", "unknown"

_AROUND = 200  #: bytes of an object beside a row's values: names of its fields, and whether it creates anybody
_READ = date(2026, 11, 22)
_PERSON = {"external_id": "user_id", "email": "email", "phone": "phone"}
_WRITES = {Op.ADD: TRACK, Op.CHANGE: TRACK}
_NO_ADDRESS = (
    "Braze has no address for everybody: name the REST endpoint of your cluster, such as https://rest.iad-01.braze.com "
    "or https://rest.fra-01.braze.eu, which Braze shows beside the key"
)


class BrazeSettings(HttpSettings):
    """A Braze workspace."""

    api_key: SecretStr
    alias_label: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _always_looked_at(cls, values: Any) -> Any:
        """Let an address that is left out be answered as one that is wrong, which says more."""
        return {"base_url": "", **values} if isinstance(values, dict) else values

    @field_validator("base_url", mode="before")
    @classmethod
    def _of_a_cluster(cls, value: Any) -> Any:
        """Ask for the address, of which Braze has one per cluster, and not for that of the dashboard."""
        if not value or "//dashboard" in str(value):
            raise ValueError(_NO_ADDRESS)
        return value


class Braze(HttpDestination):
    """One Braze workspace."""

    name: ClassVar[str] = "braze"
    label: ClassVar[str] = "Braze"
    family: ClassVar[Family] = Family.MESSAGING
    api_version: ClassVar[str] = "unversioned"
    api_version_ends: ClassVar[date | None] = None
    documentation: ClassVar[Sequence[Page]] = (
        Page("Track users", _READ, "https://www.braze.com/docs/api/endpoints/user_data/post_user_track"),
        Page("User attributes object", _READ, "https://www.braze.com/docs/api/objects_filters/user_attributes_object"),
        Page("Event object", _READ, "https://www.braze.com/docs/api/objects_filters/event_object"),
        Page(
            "Update user's subscription group status V2",
            _READ,
            "https://www.braze.com/docs/api/endpoints/subscription_groups/post_update_user_subscription_group_status_v2",
        ),
        Page(
            "List user's subscription group status",
            _READ,
            "https://www.braze.com/docs/api/endpoints/subscription_groups/get_list_user_subscription_group_status",
        ),
        Page("API errors and responses", _READ, "https://www.braze.com/docs/api/errors"),
        Page("Rate limits", _READ, "https://www.braze.com/docs/api/api_limits"),
    )
    settings_class: ClassVar[type[Settings]] = BrazeSettings
    codes: ClassVar[Codes] = CODES
    objects: ClassVar[Mapping[str, ObjectSpec]] = {
        "user": ObjectSpec(
            modes=frozenset({Mode.UPSERT, Mode.UPDATE}),
            keys=frozenset(IDENTIFIERS),
            columns=STANDARD - CONSENT,
            identifiers=_PERSON,
            limits=_WRITES,
            row_errors=RowErrors.BY_PLACE,
            removal="None: an audience takes people out by its attribute; an erasure is not a sync.",
            # No set_if_empty: reading profiles is another permission, and 250 calls of 50 a minute.
            nulls=frozenset({NullPolicy.CLEAR_OWN, NullPolicy.SKIP, NullPolicy.CLEAR}),
            sends_changes=True,
            billed_per_attribute=True,
            concurrency=10,
            refused_columns=CONSENT | CONTROLS,
        ),
        "audience": ObjectSpec(
            modes=frozenset({Mode.MIRROR, Mode.UPSERT, Mode.UPDATE}),
            keys=frozenset(IDENTIFIERS),
            columns=frozenset(IDENTIFIERS),
            identifiers=_PERSON,
            limits={**_WRITES, Op.REMOVE: TRACK},
            needs_target=True,
            custom_columns=False,
            row_errors=RowErrors.BY_PLACE,
            removal="The attribute that the target names is deleted from the person; nothing else changes.",
            concurrency=10,
        ),
        "event": ObjectSpec(
            modes=frozenset({Mode.APPEND}),
            keys=frozenset({"event_id"}),
            columns=EVENT,
            required=frozenset({"event_name", "occurred_at"}),
            identifiers=_PERSON,
            limits={Op.ADD: TRACK},
            idempotent=False,  # "duplicate" events are treated as separate, unique events
            row_errors=RowErrors.BY_PLACE,
            removal="None: an event stays.",
            concurrency=10,
        ),
        "subscription_group": ObjectSpec(
            modes=frozenset({Mode.MIRROR, Mode.UPSERT}),
            keys=frozenset({"external_id"}),  # only by it is it documented whom a state belongs to
            columns=frozenset({"external_id"}),
            identifiers={"external_id": "user_id"},
            limits={Op.ADD: STATES, Op.CHANGE: STATES, Op.REMOVE: STATES},
            needs_target=True,
            custom_columns=False,
            removal="The person is unsubscribed from this group and no other, and no sync subscribes them to it again.",
            concurrency=4,
        ),
    }

    def __init__(self, settings: Any, http: HttpClient) -> None:
        super().__init__(settings, http)
        self._calls = Calls(http)

    @classmethod
    def headers(cls, settings: BrazeSettings) -> dict[str, str]:
        """Return the headers of every call."""
        return {"Authorization": f"Bearer {settings.api_key.get_secret_value()}", "Accept": "application/json"}

    def check(self, delivery: Delivery) -> None:
        """Refuse what cannot be sent, and make sure that the key may write, and that a group is there."""
        self._refuse(delivery, delivery.fields)
        if delivery.object == "subscription_group":
            self._calls.prove_group(_target(delivery))
        else:
            self._calls.prove_track()

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body at most, or to an address where people are asked after."""
        if delivery.object == "subscription_group":
            return len("external_id%5B%5D=&") + len(quote(row.key))
        return len(encode([row.key, row.payload, delivery.target, self.settings.alias_label])) + _AROUND

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Write a batch of attributes or events, or set who is subscribed to a group."""
        if delivery.object == "subscription_group":
            return self._unsubscribe(delivery, rows) if op is Op.REMOVE else self._subscribe(delivery, rows)
        self._refuse(delivery, rows[0].payload if op is not Op.REMOVE else ())
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
            array = EVENTS if delivery.object == "event" else ATTRIBUTES
            answer = self._calls.track({array: bodies}, idempotent=array == ATTRIBUTES)
            results |= {found.key: found for found in map_track(sent, answer, array)}
        return [results[row.key] for row in rows]

    def _object(self, delivery: Delivery, row: Row) -> dict[str, Any] | str | None:
        """Return what is sent of a row; a code where it cannot be, nothing where nothing is to be."""
        if delivery.object == "event":
            return event(row, self.settings.alias_label)
        if delivery.object == "audience":
            return flag(delivery, row, self.settings.alias_label)
        return attributes(delivery, row, self.settings.alias_label)

    def _subscribe(self, delivery: Delivery, rows: Sequence[Row]) -> list[RowResult]:
        """Subscribe those who never decided; who is subscribed stays so, and who unsubscribed as well."""
        group = _target(delivery)
        states = self._calls.states(group, [row.key for row in rows])
        state = {row.key: states.get(row.key, "").lower() for row in rows}
        undecided = [key for key, is_now in state.items() if is_now == UNDECIDED]
        if undecided:
            self._calls.set_state(group, SUBSCRIBED, undecided)
        told = {UNSUBSCRIBED: "unsubscribed", SUBSCRIBED: "", UNDECIDED: ""}
        codes = {key: told.get(is_now, "no_state") for key, is_now in state.items()}
        return [
            result(CODES, row.key, codes[row.key]) if codes[row.key] else RowResult(row.key, Outcome.APPLIED)
            for row in rows
        ]

    def _unsubscribe(self, delivery: Delivery, rows: Sequence[Row]) -> list[RowResult]:
        self._calls.set_state(_target(delivery), UNSUBSCRIBED, [row.key for row in rows])
        return [RowResult(row.key, Outcome.APPLIED) for row in rows]

    def _refuse(self, delivery: Delivery, columns: Any) -> None:
        """Refuse what would reach other people, other attributes or people's consent."""
        refuse_consent(self.label, self.objects[delivery.object], columns)
        if delivery.object == "audience":
            _attribute(_target(delivery))
        if delivery.object == "user":
            stronger = IDENTIFIERS[: IDENTIFIERS.index(delivery.key)]
            # An alias beside an external_id is refused by Braze, whichever is the key.
            clashing = sorted(({*stronger, "alias_name"} - {delivery.key}).intersection(columns))
            if clashing:
                raise DestinationRefused(
                    f"Braze would find people by {', '.join(clashing)}, and not by {delivery.key}.",
                    where="the feed's columns",
                    fix=f"Make {clashing[0]} the sync's key, or leave it out of the feed.",
                )
        if "alias_name" in (delivery.key, *columns) and not self.settings.alias_label:
            raise DestinationRefused(
                "An alias is found by its name and its label, and the connection does not say the label.",
                where="connections.yml",
                fix="Add alias_label to the connection.",
            )


def _target(delivery: Delivery) -> str:
    if not delivery.target:
        raise DestinationRefused(
            f"It is not said which {delivery.object.replace('_', ' ')} of Braze is meant.",
            where="the exposure's sync block, field target",
            fix="Name it.",
        )
    return delivery.target


def _attribute(name: str) -> None:
    """Refuse an audience that is called as what Braze already has, or as an attribute may not be called."""
    if name in STANDARD | CONTROLS or name.startswith(("$", "_")) or len(name) > 255:
        raise DestinationRefused(
            f"An audience becomes a custom attribute of its name, and {name!r} is none that a sync may write.",
            where="the exposure's sync block, field target",
            fix="Take a name of your own, such as weft_winback.",
        )
