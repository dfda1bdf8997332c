"""Mailchimp's audiences and tags as addresses to call, without knowing of rows or policies.

A tag is a static segment: what the pages call tagging, its address calls adding to a segment.

Sources as in :mod:`reverse_etl.destinations.mailchimp.destination`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from reverse_etl.answers import Response
from reverse_etl.destinations.base import Limits
from reverse_etl.destinations.codes import OTHER, objects, short
from reverse_etl.destinations.mailchimp.payloads import KEY, MergeField, merge_fields_of
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.http import HttpClient

ROWS = 500
PAGE = 1_000
#: 500 members a call. Neither bytes nor calls a second are limited by the documentation, only connections at a time.
CALLS = Limits(rows=ROWS, bytes=5_000_000, calls_per_second=20, burst=20)

#: Whom a tag's members are read with: without these, only those who are subscribed are told.
_EVERYBODY = dict.fromkeys(("include_cleaned", "include_transactional", "include_unsubscribed"), "true")


class Audiences:
    """The audiences of one account. Every call may be repeated without harm."""

    def __init__(self, http: HttpClient) -> None:
        self.http = http

    def merge_fields(self, audience: str) -> dict[str, MergeField]:
        """Return the merge fields of an audience, by their tags in lower case."""
        params = {"count": str(PAGE), "fields": "merge_fields.tag,merge_fields.type"}
        answer = self._call("GET", f"{_audience(audience)}/merge-fields", params=params)
        refuse_unless_done(answer)
        return merge_fields_of(answer.body)

    def add(self, audience: str, members: Sequence[Mapping[str, Any]]) -> Response:
        """Create members, or update those that are there, whose standing stays as it is."""
        # A merge field that the audience requires is asked of who signs up by a form, not of a sync that fills others.
        params = {"skip_merge_validation": "true"}
        body = {"members": members, "update_existing": True}
        answer = self._call("POST", _audience(audience), body, params)
        refuse_unless_done(answer)
        return answer

    def tag_id(self, audience: str, name: str) -> str:
        """Return the id of a tag.

        Raises:
            DestinationRefused: The audience, or the tag in it, is not there.
        """
        answer = self._call("GET", f"{_audience(audience)}/tag-search", params={"name": name})
        refuse_unless_done(answer)
        found = [one for one in objects(answer.body.get("tags")) if one.get("name") == name and "id" in one]
        if not found:
            raise DestinationRefused(
                f"The audience has no tag {name!r}.",
                where="the exposure's sync block, field target",
                fix="Create it under Audience, Tags, with that very spelling.",
            )
        return str(found[0]["id"])

    def change_tag(self, audience: str, tag: str, change: str, emails: Sequence[str]) -> Response:
        """Give members a tag or take it from them; addresses of nobody are ignored.

        Args:
            audience: The audience's id.
            tag: The tag's id.
            change: ``members_to_add`` or ``members_to_remove``.
            emails: Whom; 500 at most.
        """
        answer = self._call("POST", _tag(audience, tag), {change: emails})
        refuse_unless_done(answer)
        return answer

    def tagged(self, audience: str, tag: str) -> Iterator[str]:
        """Yield the addresses of the members that have a tag, page by page."""
        offset = 0
        while True:
            params = {**_EVERYBODY, "count": str(PAGE), "offset": str(offset), "fields": f"members.{KEY},total_items"}
            answer = self._call("GET", f"{_tag(audience, tag)}/members", params=params)
            refuse_unless_done(answer)
            members = objects(answer.body.get("members"))
            yield from (str(one[KEY]) for one in members if one.get(KEY))
            offset += PAGE
            total = answer.body.get("total_items")
            if len(members) < PAGE and not (isinstance(total, int) and offset < total):
                return

    def count_tagged(self, audience: str, tag: str) -> int | None:
        """Return how many members have a tag."""
        params = {**_EVERYBODY, "count": "1", "fields": "total_items"}
        answer = self._call("GET", f"{_tag(audience, tag)}/members", params=params)
        refuse_unless_done(answer)
        total = answer.body.get("total_items")
        return total if isinstance(total, int) else None

    def _call(self, method: str, path: str, body: Any = None, params: Mapping[str, str] | None = None) -> Response:
        return self.http.request(
            method, path, json=body, params=params, idempotent=True, bucket="marketing", pace=CALLS
        )


def _audience(audience: str) -> str:
    return f"/3.0/lists/{quote(audience, safe='')}"


def _tag(audience: str, tag: str) -> str:
    return f"{_audience(audience)}/segments/{quote(tag, safe='')}"


def refuse_unless_done(answer: Response) -> None:
    """Raise unless the answer is a success."""
    if answer.status < 300:
        return
    if answer.status == 404:
        raise DestinationRefused(
            "Mailchimp has no such audience, or no such tag in it.",
            where="the exposure's sync block, field target",
            fix="Use the audience's id from Audience, Settings, not its name.",
        )
    code = short(str(answer.body.get("title") or OTHER).replace(" ", "_"))
    raise BatchRefused(str(answer.status) if code == OTHER else code, "Mailchimp refused the call")
