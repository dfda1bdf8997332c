"""Pipedrive: persons, one by one.

Written from the pages "Persons" and "PersonFields" of Pipedrive's API reference, version 2, "Rate limiting",
"Pagination" and "Responses" of its documentation, the change log entry "Announcing Search API rate limit" and the
models of pipedrive/client-nodejs, read on 2026-11-22.

A removal empties the fields that begin with ``weft_``. The person stays, with deals, activities and notes, and so does
every other field, whoever fills it. Calls that delete or merge persons, or that change whether they receive marketing,
are not part of this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar

from pydantic import SecretStr

from reverse_etl.destinations.base import Delivery, Family, HttpSettings, ObjectSpec, Page, Settings
from reverse_etl.destinations.codes import Codes
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.destinations.pipedrive.payloads import CODES
from reverse_etl.destinations.pipedrive.persons import PERSON, Persons
from reverse_etl.http import HttpClient
from reverse_etl.rows import Op, Row, RowResult


class PipedriveSettings(HttpSettings):
    """A Pipedrive company."""

    base_url: str = "https://api.pipedrive.com"
    api_token: SecretStr


class Pipedrive(HttpDestination):
    """One Pipedrive company."""

    name: ClassVar[str] = "pipedrive"
    label: ClassVar[str] = "Pipedrive"
    family: ClassVar[Family] = Family.CRM
    api_version: ClassVar[str] = "v2"
    api_version_ends: ClassVar[date | None] = None
    documentation: ClassVar[Sequence[Page]] = (
        Page("Persons, API v2", date(2026, 11, 22), "https://developers.pipedrive.com/docs/api/v1/Persons"),
        Page("PersonFields, API v2", date(2026, 11, 22), "https://developers.pipedrive.com/docs/api/v1/PersonFields"),
        Page(
            "Rate limiting",
            date(2026, 11, 22),
            "https://pipedrive.readme.io/docs/core-api-concepts-rate-limiting",
        ),
        Page(
            "Announcing Search API rate limit",
            date(2026, 11, 22),
            "https://developers.pipedrive.com/changelog/post/announcing-search-api-rate-limit",
        ),
    )
    settings_class: ClassVar[type[Settings]] = PipedriveSettings
    codes: ClassVar[Codes] = CODES
    objects: ClassVar[Mapping[str, ObjectSpec]] = {"person": PERSON}

    def __init__(self, settings: Any, http: HttpClient) -> None:
        super().__init__(settings, http)
        self._persons = Persons(http)

    @classmethod
    def headers(cls, settings: PipedriveSettings) -> dict[str, str]:
        """Return the headers of every call."""
        return {"x-api-token": settings.api_token.get_secret_value(), "Accept": "application/json"}

    def check(self, delivery: Delivery) -> None:
        """Make sure that the token works, and that persons have the fields that the feed fills."""
        self._persons.check(delivery)

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body, at most."""
        return self._persons.size(delivery, row)

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Write to persons, or empty what earlier runs wrote."""
        return self._persons.send(delivery, op, rows)
