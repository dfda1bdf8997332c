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
from typing import Any, ClassVar, Self

from pydantic import SecretStr, model_validator

from reverse_etl.auth.credentials import Credentials
from reverse_etl.auth.oauth import RefreshToken, bearer
from reverse_etl.auth.private_keys import refuse_unless_safe
from reverse_etl.destinations.base import Delivery, Family, HttpSettings, ObjectSpec, Page, Settings
from reverse_etl.destinations.codes import Codes
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.destinations.pipedrive.payloads import CODES
from reverse_etl.destinations.pipedrive.persons import PERSON, Persons
from reverse_etl.http import HttpClient
from reverse_etl.rows import Op, Row, RowResult

_JSON = {"Accept": "application/json"}


class PipedriveSettings(HttpSettings):
    """A Pipedrive company, by a user's API token or by an OAuth app that was installed in it."""

    base_url: str = "https://api.pipedrive.com"
    token_url: str = "https://oauth.pipedrive.com/oauth/token"  # noqa: S105 (an address)
    api_token: SecretStr | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    refresh_token: SecretStr | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        app = (self.client_id, self.client_secret, self.refresh_token)
        if all(app) if self.api_token is None else not any(app):
            return self
        raise ValueError(
            "give either api_token (a user's) or client_id, client_secret and refresh_token (an OAuth app's)"
        )


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
        Page(
            "OAuth authorization",
            date(2026, 11, 22),
            "https://pipedrive.readme.io/docs/marketplace-oauth-authorization",
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
        """Return the headers of every call with a user's token."""
        token = settings.api_token
        return {**_JSON, "x-api-token": token.get_secret_value()} if token else _JSON

    @classmethod
    def authenticate(cls, settings: PipedriveSettings) -> Credentials:
        """Return a user's lasting token, or what an OAuth app's refresh token gives an hour at a time."""
        if settings.client_id is None or settings.refresh_token is None:
            return super().authenticate(settings)
        refuse_unless_safe(settings.token_url)
        return RefreshToken(
            settings.token_url,
            settings.client_id,
            settings.client_secret,
            settings.refresh_token,
            make_headers=lambda token: {**_JSON, **bearer(token)},
        )

    def check(self, delivery: Delivery) -> None:
        """Make sure that the token works, and that persons have the fields that the feed fills."""
        self._persons.check(delivery)

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body, at most."""
        return self._persons.size(delivery, row)

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Write to persons, or empty what earlier runs wrote."""
        return self._persons.send(delivery, op, rows)
