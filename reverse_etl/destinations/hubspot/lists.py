"""HubSpot's lists, by now called segments: who is a member of one that HubSpot does not fill by itself.

Memberships take record ids, so contacts are found by their address first. A list creates no contact. How many ids one
call takes is not documented; it is given as many as one call finds.

Sources as in :mod:`reverse_etl.destinations.hubspot.destination`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

from reverse_etl.destinations.base import Delivery, Limits, Member, Mode, NullPolicy, ObjectSpec, RowErrors
from reverse_etl.destinations.codes import inside, objects, result
from reverse_etl.destinations.hubspot.payloads import CODES, EMAIL, NO_RECORD, NOT_FOUND, names_of
from reverse_etl.destinations.hubspot.records import CALLS, VERSION, Records
from reverse_etl.errors import DestinationRefused
from reverse_etl.http import HttpClient, encode
from reverse_etl.rows import Op, Outcome, Row, RowResult

LISTS = f"/crm/lists/{VERSION}"
FILLED_BY_CALLS = ("MANUAL", "SNAPSHOT")
CONTACTS_TYPE = "0-1"
PAGE = 100

#: A batch is two calls: one finds the contacts, one adds or removes them.
BATCHES = Limits(rows=CALLS.rows, bytes=CALLS.bytes, calls_per_second=CALLS.calls_per_second / 2, burst=5)

LIST = ObjectSpec(
    row_errors=RowErrors.BY_KEY,
    modes=frozenset({Mode.MIRROR, Mode.UPSERT, Mode.APPEND}),
    keys=frozenset({EMAIL}),
    columns=frozenset({EMAIL}),
    required=frozenset({EMAIL}),
    identifiers={EMAIL: "email"},
    limits={Op.ADD: BATCHES, Op.CHANGE: BATCHES, Op.REMOVE: BATCHES},
    needs_target=True,
    custom_columns=False,
    removal="The contact leaves the list; all else of the contact stays.",
    nulls=frozenset({NullPolicy.CLEAR_OWN}),
    lists_members=True,
    concurrency=10,
)


class Lists:
    """The lists of contacts of one account."""

    def __init__(self, http: HttpClient) -> None:
        self._contacts = Records(http, "contacts")

    def check(self, delivery: Delivery) -> None:
        """Make sure that the list is there, holds contacts, and is not one that HubSpot fills by itself."""
        answer = self._contacts.call("GET", _list(delivery))
        if answer.status == 404:
            raise _refused(f"HubSpot has no list with the id {delivery.target!r}", "Use the list's id, not its name.")
        self._contacts.done(answer)
        told = inside(answer.body.get("list"))
        if told.get("processingType") not in FILLED_BY_CALLS:
            what = f"HubSpot fills the list {delivery.target!r} by itself, from its filters"
            raise _refused(what, "Use a static list: its processing type is MANUAL or SNAPSHOT.")
        if told.get("objectTypeId") != CONTACTS_TYPE:
            raise _refused(f"The list {delivery.target!r} does not hold contacts", "Use a list of contacts.")

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body, at most."""
        return len(encode({"id": row.key})) + 1

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Add contacts to the list, or remove them from it."""
        ids = {row.key: row.destination_id for row in rows if row.destination_id}
        known = set(ids)
        ids |= self._ids([row.key for row in rows if row.key not in ids])
        missing = self._change(delivery, op, ids.values())
        # An id that is no more may be that of a contact that was merged, and lives on under another.
        moved = self._ids([key for key in known if ids[key] in missing])
        missing |= self._change(delivery, op, moved.values())
        ids |= moved
        nobody = NO_RECORD if op is Op.REMOVE else NOT_FOUND
        return [
            RowResult(row.key, Outcome.APPLIED, destination_id=ids[row.key])
            if row.key in ids and ids[row.key] not in missing
            else result(CODES, row.key, nobody)
            for row in rows
        ]

    def members(self, delivery: Delivery) -> Iterator[Member]:
        """Yield the contacts on the list that have an address."""
        query = {"limit": str(PAGE)}
        while True:
            answer = self._contacts.call("GET", f"{_list(delivery)}/memberships", params=query)
            self._contacts.done(answer)
            ids = [str(one["recordId"]) for one in objects(answer.body.get("results")) if one.get("recordId")]
            for found in self._contacts.read(ids, None, [EMAIL]).values():
                contact_id, *emails = names_of(found, EMAIL)
                if emails:
                    yield Member(emails[0], contact_id)
            following = inside(inside(answer.body.get("paging")).get("next")).get("after")
            if not following:
                return
            query["after"] = str(following)

    def _ids(self, emails: Sequence[str]) -> dict[str, str]:
        return {email: str(found["id"]) for email, found in self._contacts.read(emails, EMAIL).items()}

    def _change(self, delivery: Delivery, op: Op, ids: Iterable[str]) -> set[str]:
        """Add contacts to the list or remove them; return the ids that are no contacts.

        Who is a member already, or is none, is passed over, so both may be repeated.
        """
        some = sorted(set(ids))
        if not some:
            return set()
        what = "remove" if op is Op.REMOVE else "add"
        answer = self._contacts.call("PUT", f"{_list(delivery)}/memberships/{what}", some)
        if answer.status == 404:
            raise _refused(f"HubSpot has no list with the id {delivery.target!r} any more", "Name one that is there.")
        self._contacts.done(answer)
        missing = answer.body.get("recordIdsMissing")
        return {str(one) for one in missing} if isinstance(missing, list) else set()


def _list(delivery: Delivery) -> str:
    return f"{LISTS}/{quote(delivery.target or '', safe='')}"


def _refused(what: str, fix: str) -> DestinationRefused:
    return DestinationRefused(f"{what}.", where="the exposure's sync block, field target", fix=fix)
