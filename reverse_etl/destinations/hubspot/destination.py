"""HubSpot: contacts and companies, created, updated, merged and left alone again, and the members of lists.

Written from the pages "Upsert contacts", "Update contacts", "Read contacts" (batch), "Merge two contacts" and "Search
the CRM" of HubSpot's API reference 2026-03, the guide "Contacts", and "API usage guidelines and limits", read on
2026-11-21 and 2026-11-22; for companies and lists from "Create or update a batch of companies by unique property
values", the guide "Companies", "Add records to a list", "Remove records from a list" and "Fetch list by id", read on
2026-11-22. A date version is supported for 18 months after its release (page "Developer platform and API versioning",
read on 2026-11-21).

The guide says that partial upserts are not supported where the e-mail address identifies the contact. So an upsert
carries every column; only a record whose id is known is updated by that id, with what changed alone.

A removal empties the properties that begin with ``weft_``. The record stays, with the calls, deals and notes that
hang on it, and so does every other property, whoever fills it. Calls that archive or erase a record are not part of
this module. A merge is: HubSpot cannot undo it, so it happens only where a sync says ``on_merge: merge``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, ClassVar, Self

from pydantic import SecretStr, model_validator

from reverse_etl.auth.credentials import Credentials
from reverse_etl.auth.oauth import RefreshToken, bearer
from reverse_etl.destinations.base import Count, Delivery, Family, HttpSettings, Member, ObjectSpec, Page, Settings
from reverse_etl.destinations.codes import Codes
from reverse_etl.destinations.hubspot.companies import COMPANY, Companies
from reverse_etl.destinations.hubspot.contacts import CONTACT, Contacts
from reverse_etl.destinations.hubspot.lists import LIST, Lists
from reverse_etl.destinations.hubspot.payloads import CODES
from reverse_etl.destinations.hubspot.records import VERSION
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.http import HttpClient
from reverse_etl.rows import Op, Row, RowResult

_ISSUING = f"/oauth/{VERSION}/token"
_JSON = {"Accept": "application/json"}


class HubSpotSettings(HttpSettings):
    """A HubSpot account, by a private app's access token or by an OAuth app that was installed in it."""

    base_url: str = "https://api.hubapi.com"
    access_token: SecretStr | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    refresh_token: SecretStr | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        app = (self.client_id, self.client_secret, self.refresh_token)
        if all(app) if self.access_token is None else not any(app):
            return self
        raise ValueError(
            "give either access_token (a private app's) or client_id, client_secret and refresh_token (an OAuth app's)"
        )


class HubSpot(HttpDestination):
    """One HubSpot account."""

    name: ClassVar[str] = "hubspot"
    label: ClassVar[str] = "HubSpot"
    family: ClassVar[Family] = Family.CRM
    api_version: ClassVar[str] = VERSION
    api_version_ends: ClassVar[date | None] = date(2027, 9, 30)
    documentation: ClassVar[Sequence[Page]] = (
        Page(
            "Contacts (guide) and the reference of the batch calls",
            date(2026, 11, 21),
            "https://developers.hubspot.com/docs/guides/api/crm/objects/contacts",
        ),
        Page("Merge two contacts; Search the CRM", date(2026, 11, 22)),
        Page(
            "Manage OAuth access tokens with the 2026-03 API",
            date(2026, 11, 22),
            "https://developers.hubspot.com/docs/api-reference/latest/authentication/manage-oauth-tokens",
        ),
        Page(
            "Companies (guide) and the reference of the batch calls",
            date(2026, 11, 22),
            "https://developers.hubspot.com/docs/api-reference/latest/crm/objects/companies/guide",
        ),
        Page(
            "Lists, and the reference of memberships",
            date(2026, 11, 22),
            "https://developers.hubspot.com/docs/api-reference/2026-03/crm/lists/memberships/add-to-list",
        ),
    )
    settings_class: ClassVar[type[Settings]] = HubSpotSettings
    codes: ClassVar[Codes] = CODES
    objects: ClassVar[Mapping[str, ObjectSpec]] = {"contact": CONTACT, "company": COMPANY, "list": LIST}

    def __init__(self, settings: Any, http: HttpClient) -> None:
        super().__init__(settings, http)
        self._lists = Lists(http)
        self._records: Mapping[str, Contacts | Companies] = {"contact": Contacts(http), "company": Companies(http)}

    @classmethod
    def headers(cls, settings: HubSpotSettings) -> dict[str, str]:
        """Return the headers of every call with a private app's token."""
        token = settings.access_token
        return {**_JSON, **bearer(token.get_secret_value())} if token else _JSON

    @classmethod
    def authenticate(cls, settings: HubSpotSettings) -> Credentials:
        """Return a private app's lasting token, or what an OAuth app's refresh token gives half an hour at a time."""
        if settings.client_id is None or settings.refresh_token is None:
            return super().authenticate(settings)
        return RefreshToken(
            settings.base_url.rstrip("/") + _ISSUING,
            settings.client_id,
            settings.client_secret,
            settings.refresh_token,
            make_headers=lambda token: {**_JSON, **bearer(token)},
        )

    def check(self, delivery: Delivery) -> None:
        """Make sure that the token works, and that what the feed fills is there."""
        self._of(delivery).check(delivery)

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body, at most."""
        return self._of(delivery).size(delivery, row)

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Write a batch, empty or remove what earlier ones wrote, or fold contacts into others."""
        return self._of(delivery).send(delivery, op, rows)

    def members(self, delivery: Delivery) -> Iterator[Member]:
        """Yield the contacts of a list."""
        return self._lists.members(delivery) if delivery.object == "list" else super().members(delivery)

    def count(self, delivery: Delivery) -> Count | None:
        """Return how many records have any property with our prefix, whichever sync wrote it."""
        found = self._records.get(delivery.object)
        return found.count() if found else super().count(delivery)

    def _of(self, delivery: Delivery) -> Contacts | Companies | Lists:
        return self._records.get(delivery.object, self._lists)
