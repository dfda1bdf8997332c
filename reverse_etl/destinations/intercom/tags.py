"""Intercom's tags: put on users and taken off them, one by one.

Sources as in :mod:`reverse_etl.destinations.intercom.destination`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from reverse_etl.destinations.base import Count, Delivery, Member, Mode, NullPolicy, ObjectSpec, RowErrors
from reverse_etl.destinations.codes import objects, result
from reverse_etl.destinations.intercom.contacts import ROWS
from reverse_etl.destinations.intercom.payloads import (
    CODES,
    EMAIL,
    KEYS,
    NO_CONTACT,
    NOT_FOUND,
    SEVERAL,
    next_page,
    tagged,
)
from reverse_etl.destinations.intercom.workspace import Workspace, done, one
from reverse_etl.errors import DestinationRefused
from reverse_etl.http import encode
from reverse_etl.rows import Op, Outcome, Row, RowResult

PAGE = 150  #: contacts on one page of a search, the most that Intercom gives

TAG = ObjectSpec(
    modes=frozenset({Mode.MIRROR, Mode.UPSERT, Mode.APPEND}),
    keys=frozenset(KEYS),
    columns=frozenset(KEYS),
    identifiers={EMAIL: "email", "external_id": "user_id"},
    limits={Op.ADD: ROWS, Op.CHANGE: ROWS, Op.REMOVE: ROWS},
    needs_target=True,
    custom_columns=False,
    row_errors=RowErrors.WHOLE,
    removal="The tag is taken off the contact; all else of the contact stays.",
    nulls=frozenset({NullPolicy.CLEAR_OWN}),
    lists_members=True,
    counts=True,
    concurrency=10,
)


class Tags:
    """The tags of one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._ids: dict[str, str] = {}

    def check(self, delivery: Delivery) -> None:
        """Make sure that the token works, and that there is such a tag."""
        self.workspace.check()
        self._tag(delivery)

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body, at most."""
        return len(encode({"id": "0" * 20}))

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Put the tag on users, or take it off them."""
        return [self._set(delivery, op, row) for row in rows]

    def members(self, delivery: Delivery) -> Iterator[Member]:
        """Yield the contacts with the tag that have the sync's key."""
        after: str | None = None
        while True:
            answer = self.workspace.call("POST", "/contacts/search", tagged(self._tag(delivery), PAGE, after))
            done(answer, "the contacts could not be searched")
            for found in objects(answer.body.get("data")):
                if found.get("id") and found.get(delivery.key):
                    yield Member(str(found[delivery.key]), str(found["id"]))
            after = next_page(answer)
            if after is None:
                return

    def count(self, delivery: Delivery) -> Count | None:
        """Return how many contacts have the tag, as far as the search knows by now."""
        answer = self.workspace.call("POST", "/contacts/search", tagged(self._tag(delivery), 1, None))
        done(answer, "the contacts could not be searched")
        total = answer.body.get("total_count")
        return Count(total, total) if isinstance(total, int) else None

    def _set(self, delivery: Delivery, op: Op, row: Row) -> RowResult:
        tag_id = self._tag(delivery)
        if row.destination_id and self._call(op, row.destination_id, tag_id):
            return RowResult(row.key, Outcome.APPLIED, destination_id=row.destination_id)
        ids = self.workspace.find(delivery.key, row.key)
        if op is not Op.REMOVE and len(ids) > 1:
            return result(CODES, row.key, SEVERAL)
        taken = [contact_id for contact_id in ids if self._call(op, contact_id, tag_id)]
        if taken:
            return RowResult(row.key, Outcome.APPLIED, destination_id=taken[0])
        return result(CODES, row.key, NO_CONTACT if op is Op.REMOVE else NOT_FOUND)

    def _call(self, op: Op, contact_id: str, tag_id: str) -> bool:
        """Tag or untag a contact; return whether it is there."""
        address = f"{one(contact_id)}/tags"
        if op is Op.REMOVE:
            answer = self.workspace.call("DELETE", f"{address}/{quote(tag_id, safe='')}")
        else:
            answer = self.workspace.call("POST", address, {"id": tag_id})
        if answer.status in (404, 410):  # the contact is gone, or the tag is, of which nothing but the message tells
            self._ids.clear()
            return False
        done(answer, "the tag was not changed")
        return True

    def _tag(self, delivery: Delivery) -> str:
        """Return the id of the tag that a sync names, by its name or by its id."""
        target = delivery.target or ""
        if target not in self._ids:
            answer = self.workspace.call("GET", "/tags")
            done(answer, "the tags could not be read")
            tags = [
                (str(tag["id"]), str(tag.get("name", ""))) for tag in objects(answer.body.get("data")) if "id" in tag
            ]
            found = [tag_id for tag_id, name in tags if target == tag_id or target.lower() == name.lower()]
            if not found:
                raise DestinationRefused(
                    f"Intercom has no tag {target!r}.",
                    where="the exposure's sync block, field target",
                    fix="Create the tag in Intercom, or name one that is there, by its name or its id.",
                )
            self._ids[target] = found[0]
        return self._ids[target]
