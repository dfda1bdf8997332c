"""Salesforce: records of any object, written by an external id, and the contacts of a campaign.

Written from the "REST API Developer Guide" (sObject Collections, sObject Describe, Query) and the "Bulk API 2.0 and
Bulk API Developer Guide", read on 2026-11-22. Each version is supported for three years at least after its first
release (page "API End-of-Life Policy", read on 2026-11-22); 68.0 came with Winter '27.

A batch below 2,000 rows goes by collections, 200 records a call, and is answered at once; a larger one goes by one job
of the Bulk API 2.0, which is asked after until it is done. Salesforce itself draws the line there.

A removal empties the fields that begin with ``weft_``. The record stays, with all that hangs on it. No call that
deletes a record is part of this module, but for memberships of campaigns: to leave one is to lose that record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from threading import Lock
from typing import Any, ClassVar

from reverse_etl.auth.credentials import Credentials
from reverse_etl.destinations.base import (
    Count,
    Delivery,
    Family,
    Member,
    Mode,
    NullPolicy,
    ObjectSpec,
    Page,
    RowErrors,
    Settings,
)
from reverse_etl.destinations.codes import Codes, result
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.destinations.policies import ALL, conditional, written
from reverse_etl.destinations.salesforce.campaigns import MEMBER, PERSON, Campaigns
from reverse_etl.destinations.salesforce.codes import CODES
from reverse_etl.destinations.salesforce.fields import Thing
from reverse_etl.destinations.salesforce.org import BATCHES, CALLS, VERSION, Org
from reverse_etl.destinations.salesforce.signing_in import SalesforceSettings, credentials
from reverse_etl.destinations.salesforce.writing import Writer, Written
from reverse_etl.http import HttpClient, encode
from reverse_etl.rows import Op, Row, RowResult

OURS = "weft_"
_ENDED = ("JobComplete", "Failed", "Aborted")


class Salesforce(HttpDestination):
    """One Salesforce org."""

    name: ClassVar[str] = "salesforce"
    label: ClassVar[str] = "Salesforce"
    family: ClassVar[Family] = Family.CRM
    api_version: ClassVar[str] = VERSION
    api_version_ends: ClassVar[date | None] = date(2029, 10, 1)  # at the earliest: three years after Winter '27
    documentation: ClassVar[Sequence[Page]] = (
        Page(
            "REST API Developer Guide: sObject Collections, sObject Describe, Query",
            date(2026, 11, 22),
            "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/"
            "resources_composite_sobjects_collections_upsert.htm",
        ),
        Page(
            "Bulk API 2.0 and Bulk API Developer Guide",
            date(2026, 11, 22),
            "https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/bulk_api_2_0.htm",
        ),
        Page(
            "API End-of-Life Policy",
            date(2026, 11, 22),
            "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/api_rest_eol.htm",
        ),
    )
    settings_class: ClassVar[type[Settings]] = SalesforceSettings
    codes: ClassVar[Codes] = CODES
    objects: ClassVar[Mapping[str, ObjectSpec]] = {
        "record": ObjectSpec(
            modes=frozenset({Mode.MIRROR, Mode.UPSERT, Mode.UPDATE, Mode.APPEND}),
            keys=frozenset(),  # any field that Salesforce can look records up by, which the check finds out
            columns=frozenset(),
            identifiers={"email": "email", "phone": "phone", "mobilephone": "phone", "personemail": "email"},
            limits={Op.ADD: BATCHES, Op.CHANGE: BATCHES, Op.REMOVE: BATCHES},
            needs_target=True,
            asynchronous=True,
            row_errors=RowErrors.BY_KEY,
            removal_empties=OURS,
            removal=f"The fields of the feed that begin with {OURS} are emptied; all else of the record stays.",
            nulls=ALL,
            sends_changes=True,
            counts=True,
            concurrency=4,  # more jobs and calls at a time lock each other's parent records
        ),
        # No update: who is not in the campaign yet is what it is about.
        "campaign_member": ObjectSpec(
            modes=frozenset({Mode.MIRROR, Mode.UPSERT, Mode.APPEND}),
            keys=frozenset(),  # any field that Salesforce can look contacts up by
            columns=frozenset(),
            identifiers={"email": "email", "phone": "phone", "mobilephone": "phone"},
            limits={Op.ADD: CALLS, Op.CHANGE: CALLS, Op.REMOVE: CALLS},
            needs_target=True,
            row_errors=RowErrors.IN_ORDER,
            removal="The contact leaves the campaign; the contact itself stays as it is.",
            nulls=frozenset({NullPolicy.CLEAR_OWN, NullPolicy.SKIP, NullPolicy.CLEAR}),
            sends_changes=True,
            lists_members=True,
            counts=True,
            concurrency=4,
        ),
    }

    def __init__(self, settings: Any, http: HttpClient) -> None:
        super().__init__(settings, http)
        self._org = Org(http)
        self._writer = Writer(self._org)
        self._campaigns = Campaigns(self._org)
        self._things: dict[str, Thing] = {}
        self._lock = Lock()

    @classmethod
    def authenticate(cls, settings: SalesforceSettings) -> Credentials:
        """Return what gets access tokens of the org."""
        return credentials(settings)

    def check(self, delivery: Delivery) -> None:
        """Read what the object is, and compare it with the feed."""
        if delivery.object == "campaign_member":
            self._campaigns.check(delivery, self._thing(PERSON, anew=True), self._thing(MEMBER, anew=True))
            return
        thing = self._thing(delivery.target, anew=True)
        thing.refuse_unless_fit(delivery.mode, delivery.key, delivery.fields - {"profile_id"})

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body or to a job's content, at most."""
        values = dict.fromkeys(_ours(delivery, [row])) if row.op is Op.REMOVE else written(delivery, row, whole=False)
        return len(encode(values)) + len(delivery.target or "") + 12 * len(row.payload) + 64

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Write a batch, or empty what earlier ones wrote."""
        if delivery.object == "campaign_member":
            person = self._thing(PERSON)
            if op is Op.REMOVE:
                return self._campaigns.take_out(delivery, person, rows)
            return self._campaigns.put(delivery, person, self._thing(MEMBER), rows)
        thing = self._thing(delivery.target)
        if op is Op.REMOVE:
            columns = _ours(delivery, rows)
            if not columns:
                return [result(CODES, row.key, "no_columns") for row in rows]
            return self._writer.update(thing, delivery.key, rows, {row.key: dict.fromkeys(columns) for row in rows})
        filled = self._writer.filled(thing, delivery.key, rows, conditional(delivery, rows))
        values = {row.key: written(delivery, row, filled=filled.get(row.key, ()), whole=False) for row in rows}
        if delivery.mode is Mode.UPDATE:
            for row in rows:
                del values[row.key][delivery.key]  # what it is found by stays as it is spelled there
            return self._writer.update(thing, delivery.key, rows, values)
        sent = [
            Written(row, thing.record(values[row.key]))
            for row in rows
            if row.op is not Op.CHANGE or len(values[row.key]) > 1  # of a change, the key alone says nothing
        ]
        found = {one.key: one for one in self._writer.upsert(thing, thing.field(delivery.key), sent)}
        return [found.get(row.key) or result(CODES, row.key, "nothing_to_write") for row in rows]

    def settle(self, delivery: Delivery, job_id: str, rows: Sequence[Row]) -> list[RowResult] | None:
        """Ask after a job, and map its results to the rows that it was given."""
        job = self._org.job(job_id)
        if job is None:
            return [result(CODES, row.key, "job_gone") for row in rows]
        if job.get("state") not in _ENDED:
            return None
        return self._writer.settle(self._thing(delivery.target), delivery.key, job, job_id, rows)

    def count(self, delivery: Delivery) -> Count | None:
        """Return how many members a campaign has, or how many records have any field with our prefix filled.

        Of records, the key does not count, and it is not known which sync wrote the others.
        """
        if delivery.object == "campaign_member":
            return self._campaigns.count(delivery)
        thing = self._thing(delivery.target)
        ours = [name for name in thing.described if name.startswith(OURS) and name != delivery.key.lower()]
        fields = [thing.field(name) for name in ours if thing.described[name].get("filterable")]
        if not fields:
            return None
        total = self._org.total(f"SELECT COUNT() FROM {thing.name} WHERE {' OR '.join(f'{f} != null' for f in fields)}")
        return None if total is None else Count(total, total)

    def members(self, delivery: Delivery) -> Iterator[Member]:
        """Yield the contacts of a campaign that have the sync's key."""
        yield from self._campaigns.members(delivery, self._thing(PERSON))

    def _thing(self, target: str | None, *, anew: bool = False) -> Thing:
        name = target or ""
        with self._lock:
            if anew or name not in self._things:
                self._things[name] = self._org.describe(name)
            return self._things[name]


def _ours(delivery: Delivery, rows: Sequence[Row]) -> list[str]:
    """Return the columns of rows that nobody but a sync fills, by their prefix.

    The key is none of them: without it, who comes back would become a second record.
    """
    columns = {column for row in rows for column in row.payload if column != delivery.key}
    return sorted(column for column in columns if column.lower().startswith(OURS))
