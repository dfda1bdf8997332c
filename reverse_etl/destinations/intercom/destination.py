"""Intercom: contacts, and tags on them, one by one.

Written from Intercom's published OpenAPI description, version 2.16, and the page "Rate Limiting", read on 2026-11-22.
That a contact that is there already is answered with 409, naming its id in the message, stands on the page "Create
contact" of earlier versions and in pull request 543 of intercom/Intercom-OpenAPI, not in the description of 2.16.

A removal empties the attributes that begin with ``weft_``, or takes the tag off. The contact, its conversations and
its subscriptions stay. The calls that archive, block, delete or merge contacts, or change what they subscribed to,
are not part of this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, ClassVar

from pydantic import SecretStr

from reverse_etl.destinations.base import Count, Delivery, Family, HttpSettings, Member, ObjectSpec, Page, Settings
from reverse_etl.destinations.codes import Codes
from reverse_etl.destinations.intercom.contacts import CONTACT, Contacts
from reverse_etl.destinations.intercom.payloads import CODES
from reverse_etl.destinations.intercom.tags import TAG, Tags
from reverse_etl.destinations.intercom.workspace import Workspace
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.http import HttpClient
from reverse_etl.rows import Op, Row, RowResult

VERSION = "2.16"


class IntercomSettings(HttpSettings):
    """An Intercom workspace."""

    base_url: str = "https://api.intercom.io"
    access_token: SecretStr


class Intercom(HttpDestination):
    """One Intercom workspace."""

    name: ClassVar[str] = "intercom"
    label: ClassVar[str] = "Intercom"
    family: ClassVar[Family] = Family.CRM
    api_version: ClassVar[str] = VERSION
    api_version_ends: ClassVar[date | None] = None
    documentation: ClassVar[Sequence[Page]] = (
        Page("OpenAPI description 2.16", date(2026, 11, 22), "https://github.com/intercom/Intercom-OpenAPI"),
        Page(
            "Rate Limiting",
            date(2026, 11, 22),
            "https://developers.intercom.com/docs/references/rest-api/errors/rate-limiting",
        ),
        Page(
            "Create contact (2.4), for conflicts",
            date(2026, 11, 22),
            "https://developers.intercom.com/docs/references/2.1/rest-api/contacts/create-contact",
        ),
    )
    settings_class: ClassVar[type[Settings]] = IntercomSettings
    codes: ClassVar[Codes] = CODES
    objects: ClassVar[Mapping[str, ObjectSpec]] = {"contact": CONTACT, "tag": TAG}

    def __init__(self, settings: Any, http: HttpClient) -> None:
        super().__init__(settings, http)
        workspace = Workspace(http)
        self._contacts, self._tags = Contacts(workspace), Tags(workspace)

    @classmethod
    def headers(cls, settings: IntercomSettings) -> dict[str, str]:
        """Return the headers of every call: the token and the version."""
        return {
            "Authorization": f"Bearer {settings.access_token.get_secret_value()}",
            "Intercom-Version": VERSION,
            "Accept": "application/json",
        }

    def check(self, delivery: Delivery) -> None:
        """Make sure that the token works, and that the attributes or the tag are there."""
        self._of(delivery).check(delivery)

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body, at most."""
        return self._of(delivery).size(delivery, row)

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Write to contacts, or tag and untag them."""
        return self._of(delivery).send(delivery, op, rows)

    def members(self, delivery: Delivery) -> Iterator[Member]:
        """Yield the contacts with a tag."""
        return self._tags.members(delivery) if delivery.object == "tag" else super().members(delivery)

    def count(self, delivery: Delivery) -> Count | None:
        """Return how many contacts have a tag."""
        return self._tags.count(delivery) if delivery.object == "tag" else super().count(delivery)

    def _of(self, delivery: Delivery) -> Contacts | Tags:
        return self._tags if delivery.object == "tag" else self._contacts
