"""Intercom's contacts, tags and attributes as addresses to call, without knowing of rows or policies.

Sources as in :mod:`reverse_etl.destinations.intercom.destination`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import quote

from reverse_etl.answers import Action, Response, Verdict, by_status
from reverse_etl.destinations.base import Limits
from reverse_etl.destinations.codes import objects
from reverse_etl.destinations.intercom.payloads import code_of, finding
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.http import HttpClient

#: 10,000 calls a minute for an app, counted in windows of ten seconds, which the headers tell.
CALLS = Limits(rows=1, bytes=1_000_000, calls_per_second=10_000 / 60, burst=10)

_FORBIDDEN = Verdict(
    Action.REFUSE,
    "403",
    "the token's app lacks a permission",
    fix=(
        "Give the app the permissions “Read and list users and companies” and “Write users and companies”, and for"
        " tags “Read tags” and “Write tags”."
    ),
)


class Workspace:
    """One workspace. Every call may be repeated without harm: a contact that is there already is not made again."""

    def __init__(self, http: HttpClient) -> None:
        self.http = http

    @cached_property
    def attributes(self) -> Mapping[str, str]:
        """The types of the workspace's own attributes of contacts, by name; archived ones are not among them."""
        answer = self.call("GET", "/data_attributes", params={"model": "contact"})
        done(answer, "the attributes could not be read")
        return {
            str(one.get("name")): str(one.get("data_type"))
            for one in objects(answer.body.get("data"))
            if one.get("custom") and not one.get("archived") and one.get("api_writable") is not False
        }

    def check(self) -> None:
        """Ask who the token is of."""
        answer = self.call("GET", "/me")
        if answer.status >= 300:
            raise DestinationRefused(
                f"Intercom does not say whose the token is ({code_of(answer)}).",
                where="connections.yml, field base_url",
                fix="Use https://api.intercom.io, or for workspaces elsewhere https://api.eu.intercom.io"
                " or https://api.au.intercom.io.",
            )

    def find(self, field: str, value: str) -> list[str]:
        """Return the ids of the users that have this value; none of one that was made a few minutes ago, perhaps."""
        answer = self.call("POST", "/contacts/search", finding(field, value))
        done(answer, "the contacts could not be searched")
        return [
            str(found["id"])
            for found in objects(answer.body.get("data"))
            if found.get("id") and str(found.get(field) or "").lower() == value.lower()
        ]

    def create(self, body: Mapping[str, Any]) -> Response:
        """Make a contact; return the answer, a refusal included."""
        return self.call("POST", "/contacts", body)

    def update(self, contact_id: str, body: Mapping[str, Any]) -> Response:
        """Write to a contact; return the answer, a refusal included."""
        return self.call("PUT", one(contact_id), body)

    def call(self, method: str, path: str, body: Any = None, params: Mapping[str, str] | None = None) -> Response:
        """Call the workspace; return the answer, a refusal included."""
        return self.http.request(
            method, path, json=body, params=params, idempotent=True, pace=CALLS, classify=_classify
        )


def one(contact_id: str) -> str:
    """Return the address of a contact, by Intercom's own id."""
    return f"/contacts/{quote(contact_id, safe='')}"


def done(answer: Response, what: str) -> None:
    """Raise unless the answer is a success."""
    if answer.status >= 300:
        raise BatchRefused(code_of(answer), f"Intercom said no: {what}")


def _classify(response: Response) -> Verdict:
    return _FORBIDDEN if response.status == 403 else by_status(response)
