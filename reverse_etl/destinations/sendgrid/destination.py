"""SendGrid: marketing contacts, and who is on a list.

Written from the vendor's OpenAPI files tsg_mc_contacts_v3, tsg_mc_custom_fields_v3 and tsg_mc_lists_v3, and the page
"Rate Limits", read on 2026-11-22.

Contacts are written by jobs. A job names what it refused in a file, whose address is signed and lies with a storage
provider: it is fetched without the account's key. A removal takes the contact off the list; it is confirmed by looking
the contact up again, since it is not documented that the job of a removal can be asked after.

Deleting contacts, one or all of them, is not part of this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

from pydantic import SecretStr

from reverse_etl.destinations.base import (
    Count,
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
from reverse_etl.destinations.codes import Codes, inside, result
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.destinations.policies import written
from reverse_etl.destinations.sendgrid.contacts import SEARCHES, UPSERTS, Contacts
from reverse_etl.destinations.sendgrid.payloads import (
    CODES,
    IDENTIFIERS,
    KEY,
    RESERVED,
    Fields,
    contact,
    is_on,
    map_job,
)
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.http import HttpClient, encode
from reverse_etl.rows import Op, Outcome, Row, RowResult

REMOVAL = "removal-"  #: begins the name under which removals are settled, before the minute that they were taken in
MINUTES = "%Y%m%dT%H%M"
PATIENCE = timedelta(hours=1)  #: after it a removal is asked for again; SendGrid has no word on how long one takes

_ID = 12  #: more characters than the id of a custom field has, which stands in a body in place of its name

_SPEC: dict[str, Any] = {
    "keys": frozenset({KEY}),
    "columns": RESERVED,
    "required": frozenset({KEY}),
    "identifiers": {KEY: "email", "phone_number_id": "phone", "phone_number": "phone", "external_id": "user_id"},
    "asynchronous": True,
    "row_errors": RowErrors.BY_KEY,
    "nulls": frozenset({NullPolicy.CLEAR_OWN, NullPolicy.SKIP, NullPolicy.CLEAR}),
    "sends_changes": True,
    "concurrency": 2,  # no limit on calls at a time is told; two keep the jobs coming
}


class SendGridSettings(HttpSettings):
    """A SendGrid account."""

    base_url: str = "https://api.sendgrid.com"
    api_key: SecretStr


class SendGrid(HttpDestination):
    """One SendGrid account."""

    name: ClassVar[str] = "sendgrid"
    label: ClassVar[str] = "SendGrid"
    family: ClassVar[Family] = Family.MESSAGING
    api_version: ClassVar[str] = "v3"
    api_version_ends: ClassVar[date | None] = None
    documentation: ClassVar[Sequence[Page]] = (
        Page(
            "Add or Update a Contact",
            date(2026, 11, 22),
            "https://www.twilio.com/docs/sendgrid/api-reference/contacts/add-or-update-a-contact",
        ),
        Page(
            "Import Contacts Status",
            date(2026, 11, 22),
            "https://www.twilio.com/docs/sendgrid/api-reference/contacts/import-contacts-status",
        ),
        Page("OpenAPI files, tsg_mc_*_v3.json", date(2026, 11, 22), "https://github.com/twilio/sendgrid-oai"),
        Page(
            "Rate Limits",
            date(2026, 11, 22),
            "https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/rate-limits",
        ),
    )
    settings_class: ClassVar[type[Settings]] = SendGridSettings
    codes: ClassVar[Codes] = CODES
    objects: ClassVar[Mapping[str, ObjectSpec]] = {
        "contact": ObjectSpec(
            modes=frozenset({Mode.UPSERT, Mode.APPEND}),
            limits={Op.ADD: UPSERTS, Op.CHANGE: UPSERTS},
            removal="None: a contact is only taken out by deleting it, which is not a sync.",
            **_SPEC,
        ),
        "list": ObjectSpec(
            modes=frozenset({Mode.MIRROR, Mode.UPSERT, Mode.APPEND}),
            limits={Op.ADD: UPSERTS, Op.CHANGE: UPSERTS, Op.REMOVE: SEARCHES},
            needs_target=True,
            removal="The contact leaves the list; the contact and its suppressions stay as they are.",
            counts=True,
            **_SPEC,
        ),
    }

    def __init__(self, settings: Any, http: HttpClient) -> None:
        super().__init__(settings, http)
        self._contacts = Contacts(http)
        self._known: Fields | None = None

    @classmethod
    def headers(cls, settings: SendGridSettings) -> dict[str, str]:
        """Return the headers of every call."""
        return {"Authorization": f"Bearer {settings.api_key.get_secret_value()}", "Accept": "application/json"}

    def check(self, delivery: Delivery) -> None:
        """Read the fields and the list, to prove that the key works and that the feed fits."""
        if delivery.object == "list":
            self._contacts.check_list(_required(delivery.target))
        self._known = self._contacts.fields()
        self._known.refuse_unfit(delivery)

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body, at most."""
        if row.op is Op.REMOVE:
            return len(encode(row.key)) + 1
        longer = sum(max(_ID - len(column), 0) for column in row.payload)
        return len(encode(row.payload)) + longer + len('"custom_fields":{},')

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Hand a batch to a job, or take it off the list."""
        if op is Op.REMOVE:
            return self._remove(_required(delivery.target), rows)
        if self._known is None:
            self._known = self._contacts.fields()
        results: list[RowResult] = []
        sent: list[Row] = []
        contacts: list[dict[str, Any]] = []
        for row in rows:
            one = contact(_values(delivery, row), self._known)
            if isinstance(one, str):
                results.append(result(CODES, row.key, one))
            else:
                sent.append(row)
                contacts.append(one)
        if not sent:
            return results
        job_id = self._contacts.upsert(contacts, delivery.target if delivery.object == "list" else None)
        if job_id is None:
            return [*results, *(result(CODES, row.key, "no_job") for row in sent)]
        return [*results, *(RowResult(row.key, Outcome.ACCEPTED, job_id=job_id) for row in sent)]

    def settle(self, delivery: Delivery, job_id: str, rows: Sequence[Row]) -> list[RowResult] | None:
        """Ask after a job, and read which contacts it refused."""
        if job_id.startswith(REMOVAL):
            return self._settle_removals(delivery, job_id, rows)
        state = self._contacts.job(job_id)
        if state is None:
            return [result(CODES, row.key, "job_gone") for row in rows]
        if state.get("status") not in ("completed", "errored", "failed"):
            return None
        url = inside(state.get("results")).get("errors_url")
        return map_job(rows, state, self._contacts.errors(str(url)) if url else None)

    def count(self, delivery: Delivery) -> Count | None:
        """Return how many contacts the list has."""
        count = self._contacts.count(_required(delivery.target))
        return None if count is None else Count(count, count)

    def _remove(self, target: str, rows: Sequence[Row]) -> list[RowResult]:
        there = self._contacts.find([row.key for row in rows])
        if there is None:
            if len(rows) > 1:
                raise BatchRefused("invalid_email", "SendGrid does not take one of the addresses")
            there = {}  # what is no address was never on a list
        results = {
            row.key: result(CODES, row.key, "no_contact" if row.key.lower() not in there else "not_on_list")
            for row in rows
        }
        on_list = {row.key: found for row in rows if is_on(found := there.get(row.key.lower(), {}), target)}
        if on_list:
            self._contacts.take_off(target, sorted({str(found["id"]) for found in on_list.values()}))
            job_id = f"{REMOVAL}{datetime.now(UTC):{MINUTES}}"
            for key, found in on_list.items():
                results[key] = RowResult(key, Outcome.ACCEPTED, job_id=job_id, destination_id=str(found["id"]))
        return [results[row.key] for row in rows]

    def _settle_removals(self, delivery: Delivery, job_id: str, rows: Sequence[Row]) -> list[RowResult] | None:
        """Say whether contacts have left the list, by looking them up."""
        target = _required(delivery.target)
        keys = [row.key for row in rows]
        left: dict[str, bool] = {}
        for start in range(0, len(keys), SEARCHES.rows):
            some = keys[start : start + SEARCHES.rows]
            there = self._contacts.find(some)
            left |= {key: there is not None and not is_on(there.get(key.lower(), {}), target) for key in some}
        taken = datetime.strptime(job_id.removeprefix(REMOVAL), MINUTES).replace(tzinfo=UTC)
        if not all(left.values()) and datetime.now(UTC) - taken < PATIENCE:
            return None
        return [
            RowResult(key, Outcome.APPLIED) if gone else result(CODES, key, "unconfirmed") for key, gone in left.items()
        ]


def _values(delivery: Delivery, row: Row) -> dict[str, Any]:
    """Return what is written of a row. What a contact is found by goes with every change, as SendGrid asks."""
    named = {column: row.payload[column] for column in IDENTIFIERS if row.payload.get(column) is not None}
    return {**named, **written(delivery, row, whole=False), KEY: row.key}


def _required(target: str | None) -> str:
    if target is None:
        raise DestinationRefused(
            "It is not said which of SendGrid's lists is meant.",
            where="the exposure's sync block, field target",
            fix="Name the list's id.",
        )
    return target
