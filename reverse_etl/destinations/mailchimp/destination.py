"""Mailchimp: members of an audience, and the tags that they have.

Written from the Marketing API reference pages "Batch subscribe or unsubscribe", "Batch add or remove members" (of a
static segment), "List merge fields", "Search for tags on a list by name" and "List members in segment", and the guide
"Fundamentals", read on 2026-11-22. That a member of a batch may carry ``status_if_new`` in place of its standing is
not on the page, but in the types of the vendor's own clients (mailchimp-marketing-php-sdk, read on 2026-11-22).

Nobody who is in the audience is subscribed or unsubscribed by this module: a member's standing is never sent, only
what a *new* member becomes. Archiving and erasing members are not part of it. So there is no mirror of members: whoever
leaves a feed may have been added by others, or have signed up. A tag has one: it is given and taken away.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, ClassVar, Literal

from pydantic import SecretStr, model_validator

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
from reverse_etl.destinations.mailchimp.audience import CALLS, Audiences
from reverse_etl.destinations.mailchimp.payloads import (
    CODES,
    IF_NEW,
    KEY,
    MEMBER,
    MergeField,
    map_members,
    member,
    mentioned,
    refuse_unfit,
)
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.destinations.policies import written
from reverse_etl.errors import DestinationRefused
from reverse_etl.http import HttpClient, encode
from reverse_etl.rows import Op, Outcome, Row, RowResult

#: Ten connections at a time are allowed for a user, with whatever else uses the account: two are left to others.
_CONCURRENCY = 8
_DATA_CENTRE = re.compile(r"-([a-z]{2}\d{1,3})$")


class MailchimpSettings(HttpSettings):
    """A Mailchimp account. The address follows from the data centre that ends the key, unless it is given."""

    base_url: str = ""
    api_key: SecretStr
    status_if_new: Literal["subscribed", "pending", "unsubscribed", "transactional"] = "transactional"

    @model_validator(mode="before")
    @classmethod
    def _address_of_the_data_centre(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("base_url") or "api_key" not in values:
            return values
        key = values["api_key"]
        found = _DATA_CENTRE.search(key.get_secret_value() if isinstance(key, SecretStr) else str(key))
        if found is None:
            raise ValueError("the key does not end with a data centre, such as -us6; name base_url beside it")
        return {**values, "base_url": f"https://{found[1]}.api.mailchimp.com"}


class Mailchimp(HttpDestination):
    """One Mailchimp account."""

    name: ClassVar[str] = "mailchimp"
    label: ClassVar[str] = "Mailchimp"
    family: ClassVar[Family] = Family.MESSAGING
    api_version: ClassVar[str] = "3.0"
    api_version_ends: ClassVar[date | None] = None
    documentation: ClassVar[Sequence[Page]] = (
        Page(
            "Batch subscribe or unsubscribe",
            date(2026, 11, 22),
            "https://mailchimp.com/developer/marketing/api/lists/batch-subscribe-or-unsubscribe/",
        ),
        Page(
            "Batch add or remove members",
            date(2026, 11, 22),
            "https://mailchimp.com/developer/marketing/api/list-segments/batch-add-or-remove-members/",
        ),
        Page("Merge Fields", date(2026, 11, 22), "https://mailchimp.com/developer/marketing/docs/merge-fields/"),
    )
    settings_class: ClassVar[type[Settings]] = MailchimpSettings
    codes: ClassVar[Codes] = CODES
    objects: ClassVar[Mapping[str, ObjectSpec]] = {
        "member": ObjectSpec(
            row_errors=RowErrors.BY_KEY,
            modes=frozenset({Mode.UPSERT, Mode.APPEND}),
            keys=frozenset({KEY}),
            columns=MEMBER,
            required=frozenset({KEY}),
            identifiers={KEY: "email", "phone": "phone"},
            limits={Op.ADD: CALLS, Op.CHANGE: CALLS},
            needs_target=True,
            removal="None: a member can only be archived, who may have been added by others; mirror a tag instead.",
            nulls=frozenset({NullPolicy.CLEAR_OWN, NullPolicy.SKIP, NullPolicy.CLEAR}),
            sends_changes=True,
            concurrency=_CONCURRENCY,
        ),
        "tag": ObjectSpec(
            row_errors=RowErrors.BY_KEY,
            modes=frozenset({Mode.MIRROR, Mode.UPSERT, Mode.APPEND}),
            keys=frozenset({KEY}),
            columns=frozenset({KEY}),
            identifiers={KEY: "email"},
            limits={Op.ADD: CALLS, Op.CHANGE: CALLS, Op.REMOVE: CALLS},
            needs_target=True,
            custom_columns=False,
            removal="The member loses the tag; the member, and whether it is subscribed, stay as they are.",
            nulls=frozenset({NullPolicy.CLEAR_OWN, NullPolicy.SKIP}),  # there is no other column than the key
            lists_members=True,
            counts=True,
            concurrency=_CONCURRENCY,
        ),
    }

    def __init__(self, settings: Any, http: HttpClient) -> None:
        super().__init__(settings, http)
        self._audiences = Audiences(http)
        self._merge_fields: dict[str, dict[str, MergeField]] = {}
        self._tag_ids: dict[str, str] = {}

    @classmethod
    def headers(cls, settings: MailchimpSettings) -> dict[str, str]:
        """Return the headers of every call: the key, beside a user name that Mailchimp does not look at."""
        pair = f"weft:{settings.api_key.get_secret_value()}"
        return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}", "Accept": "application/json"}

    def check(self, delivery: Delivery) -> None:
        """Read the audience's merge fields, or look the tag up, to prove that key, target and feed fit."""
        self._merge_fields.clear()
        self._tag_ids.clear()
        if delivery.object == "tag":
            self._tag(delivery)
        else:
            refuse_unfit(delivery, self._fields(_audience(delivery)))

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body, at most."""
        if delivery.object == "tag":
            return len(encode(row.key)) + 1
        return len(encode(row.payload)) + len(f'"merge_fields":{{}},"{IF_NEW}":"transactional",') + 2

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Write a batch of members, or change who has a tag."""
        if delivery.object == "tag":
            return self._change_tag(delivery, op, rows)
        audience = _audience(delivery)
        fields = self._fields(audience)
        results: list[RowResult] = []
        sent: list[Row] = []
        members: list[dict[str, Any]] = []
        for row in rows:
            values = written(delivery, row, whole=False) | {KEY: row.key}
            if row.op is Op.CHANGE and set(values) <= {KEY, IF_NEW}:  # what a new member becomes changes nobody
                one: dict[str, Any] | str = "nothing_to_write"
            else:
                one = member(values, fields, self.settings.status_if_new)
            if isinstance(one, str):
                results.append(result(CODES, row.key, one))
            else:
                sent.append(row)
                members.append(one)
        if not sent:
            return results
        return [*results, *map_members(sent, self._audiences.add(audience, members).body)]

    def members(self, delivery: Delivery) -> Iterator[Member]:
        """Yield the members that have the tag."""
        audience, tag = self._tag(delivery)
        for email in self._audiences.tagged(audience, tag):
            yield Member(email.lower())

    def count(self, delivery: Delivery) -> Count | None:
        """Return how many members have the tag."""
        count = self._audiences.count_tagged(*self._tag(delivery))
        return None if count is None else Count(count, count)

    def _change_tag(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Give rows the tag, or take it from them.

        The answer lists whom it changed. Of the others it is not told whether they had (or lacked) the tag before, or
        are not in the audience at all. So where there are any, the tag's members are read, a thousand a call.
        """
        removes = op is Op.REMOVE
        audience, tag = self._tag(delivery)
        change = "members_to_remove" if removes else "members_to_add"
        answer = self._audiences.change_tag(audience, tag, change, [row.key for row in rows])
        changed = mentioned(answer.body, "members_removed" if removes else "members_added")
        silent = {row.key.lower() for row in rows} - changed
        tagged = {email.lower() for email in self._audiences.tagged(audience, tag)} & silent if silent else set()
        wrong = tagged if removes else silent - tagged
        code = "still_tagged" if removes else "not_a_member"
        return [
            result(CODES, row.key, code) if row.key.lower() in wrong else RowResult(row.key, Outcome.APPLIED)
            for row in rows
        ]

    def _fields(self, audience: str) -> dict[str, MergeField]:
        """Return the merge fields of an audience, asked for once a run."""
        if audience not in self._merge_fields:
            self._merge_fields[audience] = self._audiences.merge_fields(audience)
        return self._merge_fields[audience]

    def _tag(self, delivery: Delivery) -> tuple[str, str]:
        """Return the ids of an audience and of a tag in it, asked for once a run."""
        audience, _, name = (delivery.target or "").partition("/")
        if not audience or not name:
            raise DestinationRefused(
                "A tag is named by its audience and its name.",
                where="the exposure's sync block, field target",
                fix="Write <audience id>/<tag name>, such as 1a2b3c4d5e/win-back.",
            )
        if delivery.target not in self._tag_ids:
            self._tag_ids[str(delivery.target)] = self._audiences.tag_id(audience, name)
        return audience, self._tag_ids[str(delivery.target)]


def _audience(delivery: Delivery) -> str:
    if not delivery.target:
        raise DestinationRefused(
            "It is not said which of Mailchimp's audiences is meant.",
            where="the exposure's sync block, field target",
            fix="Name the audience's id, from Audience, Settings.",
        )
    return delivery.target
