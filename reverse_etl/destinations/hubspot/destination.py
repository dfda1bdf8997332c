"""HubSpot: contacts, created, updated, merged and left alone again.

Written from the pages "Upsert contacts", "Update contacts", "Read contacts" (batch), "Merge two contacts" and "Search
the CRM" of HubSpot's API reference 2026-03, the guide "Contacts", and "API usage guidelines and limits", read on
2026-11-21 and 2026-11-22. A date version is supported for 18 months after its release (page "Developer platform and
API versioning", read on 2026-11-21).

The guide says that partial upserts are not supported where the e-mail address identifies the contact. So an upsert
carries every column; only a contact whose id is known is updated by that id, with what changed alone.

A removal empties the properties that begin with ``weft_``. The contact stays, with the calls, deals and notes that
hang on it, and so does every other property, whoever fills it. Calls that archive or erase a contact are not part of
this module. A merge is: HubSpot cannot undo it, so it happens only where a sync says ``on_merge: merge``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar, Self

from pydantic import SecretStr, model_validator

from reverse_etl.credentials import Credentials
from reverse_etl.destinations.base import (
    Count,
    Delivery,
    Family,
    HttpSettings,
    Limits,
    Mode,
    ObjectSpec,
    Page,
    RowErrors,
    Settings,
)
from reverse_etl.destinations.codes import Codes, result
from reverse_etl.destinations.hubspot.contacts import CALLS, VERSION, Contacts, filled, refuse_unless_done
from reverse_etl.destinations.hubspot.payloads import CODES, KEY, NO_CONTACT, NOT_FOUND, OURS, ours, write_input
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.destinations.policies import ALL, conditional, merged_away, written
from reverse_etl.http import HttpClient, encode
from reverse_etl.oauth import RefreshToken, bearer
from reverse_etl.rows import Op, Outcome, Row, RowResult

_ISSUING = f"/oauth/{VERSION}/token"
_MISSING = "OBJECT_NOT_FOUND"
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
    )
    settings_class: ClassVar[type[Settings]] = HubSpotSettings
    codes: ClassVar[Codes] = CODES
    objects: ClassVar[Mapping[str, ObjectSpec]] = {
        "contact": ObjectSpec(
            row_errors=RowErrors.BY_KEY,
            modes=frozenset({Mode.MIRROR, Mode.UPSERT, Mode.UPDATE, Mode.APPEND}),
            keys=frozenset({KEY}),
            columns=frozenset({KEY, "phone", "mobilephone"}),
            required=frozenset({KEY}),
            identifiers={KEY: "email", "phone": "phone", "mobilephone": "phone"},
            limits={
                Op.ADD: CALLS,
                Op.CHANGE: CALLS,
                Op.REMOVE: CALLS,
                Op.MERGE: Limits(rows=1, bytes=CALLS.bytes, calls_per_second=CALLS.calls_per_second, burst=CALLS.burst),
            },
            removal_empties=OURS,
            removal=f"The properties of the feed that begin with {OURS} are emptied; all else of the contact stays.",
            nulls=ALL,
            sends_changes=True,
            merges=True,
            counts=True,
            concurrency=10,  # a second's worth of the smallest plan's calls; no other limit on calls at a time is told
        )
    }

    def __init__(self, settings: Any, http: HttpClient) -> None:
        super().__init__(settings, http)
        self._contacts = Contacts(http)

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
        """Read one contact, to prove that the token works and may see contacts."""
        self._contacts.check()

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body, at most."""
        values = dict.fromkeys(ours([row])) if row.op is Op.REMOVE else written(delivery, row)
        return len(encode(write_input(max(row.key, "0" * 20, key=len), KEY, values, 99))) + 1

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Write a batch, empty what earlier ones wrote, or fold contacts into others."""
        if op is Op.REMOVE:
            return self._remove(rows)
        if op is Op.MERGE:
            return [self._merge(delivery, row) for row in rows]
        known: dict[str, Row] = {}
        for row in rows:
            if row.op is Op.CHANGE and row.destination_id:
                known.setdefault(row.destination_id, row)  # two addresses of one contact are two calls
        results = self._update(delivery, known, None)
        lost = {key for key, found in results.items() if found.code == NOT_FOUND}
        rest = [row for row in rows if row.key not in results or row.key in lost]
        if rest and delivery.mode is Mode.UPDATE:
            results |= self._update(delivery, {row.key: row for row in rest}, KEY, whole=lost)
        elif rest:
            results |= self._upsert(delivery, rest)
        return [results[row.key] for row in rows]

    def count(self, delivery: Delivery) -> Count | None:
        """Return how many contacts have any property with our prefix, whichever sync wrote it.

        Which of them are this sync's HubSpot cannot tell, so it lists none for a sync to adopt. One search takes five
        properties. Beyond that, contacts that have several are counted more than once, so it is only known that there
        are at least as many as the largest count and at most as many as the sum.
        """
        totals = self._contacts.totals(self._contacts.our_properties())
        return None if totals is None else Count(max(totals, default=0), sum(totals))

    def _upsert(self, delivery: Delivery, rows: Sequence[Row]) -> dict[str, RowResult]:
        there = self._filled(delivery, {row.key: row for row in rows}, KEY)
        inputs = [
            write_input(row.key, KEY, written(delivery, row, filled=there.get(row.key, ())), place)
            for place, row in enumerate(rows)
        ]
        return {found.key: found for found in self._contacts.upsert(inputs)}

    def _update(
        self, delivery: Delivery, named: Mapping[str, Row], by: str | None, *, whole: set[str] | None = None
    ) -> dict[str, RowResult]:
        """Update contacts, by their ids or by a property; return one result per row, by its key.

        Args:
            delivery: Says what an empty value does.
            named: Rows by what their contacts are found by.
            by: The property that this is; none for ids.
            whole: The keys of rows that are sent with every column, not with the changed ones alone.
        """
        there = self._filled(delivery, named, by)
        inputs: list[dict[str, Any]] = []
        results = {}
        for name, row in named.items():
            partial = row.key not in (whole or ())
            values = written(delivery, row, filled=there.get(row.key, ()), whole=not partial)
            values.pop(KEY)  # an address of the contact already, and not to be made its first one
            if values:
                inputs.append(write_input(name, by, values, len(inputs)))
            else:
                results[row.key] = result(CODES, row.key, "nothing_to_write", row.destination_id)
        for found in self._contacts.update(inputs):
            key = named[found.key].key
            results[key] = result(CODES, key, NOT_FOUND) if found.code == _MISSING else found._replace(key=key)
        return results

    def _filled(self, delivery: Delivery, named: Mapping[str, Row], by: str | None) -> dict[str, set[str]]:
        """Return which columns hold a value at HubSpot, by the row's key; asked for only where it matters."""
        columns = conditional(delivery, named.values())
        if not columns:
            return {}
        found = self._contacts.read(list(named), by, columns)
        return {named[name].key: filled(contact, columns) for name, contact in found.items()}

    def _remove(self, rows: Sequence[Row]) -> list[RowResult]:
        columns = ours(rows)
        if not columns:
            return [result(CODES, row.key, "no_columns") for row in rows]
        ids = {row.key: row.destination_id for row in rows if row.destination_id}
        known = set(ids)
        ids |= self._contacts.ids([row.key for row in rows if row.key not in ids])
        cleared = self._clear(ids.values(), columns)
        # An id that is no more may be that of a contact that was merged, and lives on under another.
        moved = self._contacts.ids([key for key in known if cleared[ids[key]].code == NO_CONTACT])
        cleared |= self._clear(set(moved.values()) - set(cleared), columns)
        ids |= moved
        return [
            cleared[ids[row.key]]._replace(key=row.key) if row.key in ids else result(CODES, row.key, NO_CONTACT)
            for row in rows
        ]

    def _clear(self, ids: Any, columns: Sequence[str]) -> dict[str, RowResult]:
        """Empty columns of contacts; return one result per id."""
        answered = self._contacts.clear(list(dict.fromkeys(ids)), columns)
        return {
            found.key: result(CODES, found.key, NO_CONTACT) if found.code == _MISSING else found for found in answered
        }

    def _merge(self, delivery: Delivery, row: Row) -> RowResult:
        """Fold the contact of one row into another, but for what the sync wrote and the other one has no value for."""
        columns = merged_away(delivery, row)
        loser, into = self._both(row, columns)
        if loser is None or into is None or loser["id"] == into["id"]:
            return _merged(row.key, loser, into)
        carried = filled(loser, columns) - filled(into, columns)
        for found in self._contacts.clear([str(loser["id"])], sorted(carried)) if carried else ():
            if found.outcome is not Outcome.APPLIED:
                return found._replace(key=row.key)
        answer = self._contacts.merge(str(loser["id"]), str(into["id"]))
        if answer.status == 404:  # merged or deleted between the calls, or by this one, of which the first answer broke
            return _merged(row.key, *self._both(row, ()))
        refuse_unless_done(answer)
        return RowResult(row.key, Outcome.APPLIED)

    def _both(self, row: Row, columns: Sequence[str]) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """Return the contact that is to be folded and the one that it is folded into, where they are there."""
        return self._find(row.key, row.destination_id, columns), self._find(row.into or "", row.into_id, columns)

    def _find(self, email: str, contact_id: str | None, columns: Sequence[str]) -> dict[str, Any] | None:
        """Return a contact by its address, else by the id that it was known by: a merge at HubSpot changes the id."""
        found = self._contacts.read([email], KEY, columns).get(email)
        if found is None and contact_id:
            found = self._contacts.read([contact_id], None, columns).get(contact_id)
        return found


def _merged(key: str, loser: Mapping[str, Any] | None, into: Mapping[str, Any] | None) -> RowResult:
    """Return the result of a row whose contact cannot be folded: it was already, or one of the two is not there."""
    if loser is None:
        return result(CODES, key, NO_CONTACT)
    if into is None:
        return result(CODES, key, "no_survivor")
    return result(CODES, key, "already_merged" if loser["id"] == into["id"] else _MISSING)
