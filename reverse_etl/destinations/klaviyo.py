"""Klaviyo: profiles and list membership, over bulk profile import jobs.

Written from Klaviyo's published OpenAPI files (profiles.json and lists.json, revision 2026-07-15) and the guide "Bulk
Import Profiles API", read on 2026-11-21. A revision is answered for two years after its date (page "API versioning and
deprecation policy", read on 2026-11-21).

A removal takes the profile off the list and leaves its consent as it is. The endpoints under profile-subscription and
profile-suppression change consent, some of them for the whole account, and are not part of this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, ClassVar
from urllib.parse import parse_qs, quote, urlsplit

from pydantic import SecretStr

from reverse_etl.answers import Response
from reverse_etl.destinations.base import Delivery, Destination, Limits, Mode, ObjectSpec, Settings
from reverse_etl.destinations.klaviyo_payloads import (
    ATTRIBUTES,
    IDENTIFIERS,
    LOCATION,
    LOOKUP_ROWS,
    any_filter,
    cleared,
    import_job,
    in_order,
    lookups,
    map_import_errors,
    member,
    profile,
    too_large,
)
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.http import encode
from reverse_etl.rows import Op, Outcome, Row, RowResult, same_result

REVISION = "2026-07-15"
MEDIA_TYPE = "application/vnd.api+json"

# "5MB" a call, less what surrounds the profiles in the body
_BULK = Limits(rows=10_000, bytes=4_990_000, calls_per_second=150 / 60, burst=10)
_MEMBERS = Limits(rows=1_000, bytes=5_000_000, calls_per_second=150 / 60, burst=10)
_READS = Limits(rows=LOOKUP_ROWS, bytes=5_000_000, calls_per_second=750 / 60, burst=75)
_PERSON_IDENTIFIERS = {"email": "email", "phone_number": "phone", "external_id": "user_id"}


class KlaviyoSettings(Settings):
    """A Klaviyo account."""

    base_url: str = "https://a.klaviyo.com"
    api_key: SecretStr


class Klaviyo(Destination):
    """One Klaviyo account."""

    name: ClassVar[str] = "klaviyo"
    label: ClassVar[str] = "Klaviyo"
    api_version: ClassVar[str] = REVISION
    api_version_ends: ClassVar[date | None] = date(2028, 7, 15)
    documentation: ClassVar[str] = "Klaviyo API reference, Bulk Import Profiles and Lists, read on 2026-11-21"
    settings_class: ClassVar[type[Settings]] = KlaviyoSettings
    objects: ClassVar[Mapping[str, ObjectSpec]] = {
        "list": ObjectSpec(
            modes=frozenset({Mode.MIRROR, Mode.UPSERT, Mode.APPEND}),
            keys=frozenset(IDENTIFIERS),
            columns=ATTRIBUTES | LOCATION,
            identifiers=_PERSON_IDENTIFIERS,
            limits={Op.ADD: _BULK, Op.CHANGE: _BULK, Op.REMOVE: _MEMBERS},
            needs_target=True,
            asynchronous=True,
            removal="The profile leaves the list; the profile and its consent stay as they are.",
        ),
        "profile": ObjectSpec(
            modes=frozenset({Mode.UPSERT, Mode.APPEND}),
            keys=frozenset(IDENTIFIERS),
            columns=ATTRIBUTES | LOCATION,
            identifiers=_PERSON_IDENTIFIERS,
            limits={Op.ADD: _BULK, Op.CHANGE: _BULK},
            asynchronous=True,
            removal="None: a profile is only taken out by an erasure, which is not a sync.",
        ),
    }

    @classmethod
    def headers(cls, settings: KlaviyoSettings) -> dict[str, str]:
        """Return the headers of every call: the private key and the revision."""
        return {
            "Authorization": f"Klaviyo-API-Key {settings.api_key.get_secret_value()}",
            "revision": REVISION,
            "Accept": MEDIA_TYPE,
            "Content-Type": MEDIA_TYPE,
        }

    def check(self, delivery: Delivery) -> None:
        """Read the list, or the account's lists, to prove that the key works and the list is there."""
        target = delivery.target
        path = f"/api/lists/{quote(target, safe='')}" if target else "/api/lists"
        answer = self._read(path)
        if answer.status == 404:
            raise DestinationRefused(
                f"Klaviyo has no list with the id {target!r}.",
                where="the exposure's sync block, field target",
                fix="Use the id that ends the list's address in Klaviyo, not its name.",
            )
        _refuse_unless_done(answer, "the list could not be read")

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body."""
        return len(encode(member("0" * 26) if row.op is Op.REMOVE else profile(row))) + 1

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Hand a batch to an import job, or take it off the list."""
        if op is Op.REMOVE:
            return self._remove(_required(delivery.target), rows)
        refused = {row.key: _too_large(row) for row in rows if too_large(row)}
        for row in rows:
            emptied = cleared(row)
            if emptied is not None and row.key not in refused:
                result = self._clear(row, emptied)
                if result is not None:
                    refused[row.key] = result
        sent = in_order([row for row in rows if row.key not in refused])
        return [*refused.values(), *(self._import(delivery.target, sent) if sent else [])]

    def settle(self, delivery: Delivery, job_id: str, rows: Sequence[Row]) -> list[RowResult] | None:
        """Ask after an import job, and map its errors to the rows that it was given."""
        path = f"/api/profile-bulk-import-jobs/{quote(job_id, safe='')}"
        answer = self._read(path, bucket="bulk", pace=_BULK)
        if answer.status in (404, 410):
            return same_result(rows, Outcome.TRANSIENT, "job_gone", "Klaviyo no longer knows the job")
        _refuse_unless_done(answer, "the job could not be read")
        attributes = answer.body.get("data", {}).get("attributes", {})
        status = attributes.get("status")
        if status in ("queued", "processing"):
            return None
        if status != "complete":
            return same_result(rows, Outcome.TRANSIENT, str(status or "no_status"), "Klaviyo gave up the job")
        failed = attributes.get("failed_count")
        errors = [] if failed == 0 else list(self._pages(f"{path}/import-errors"))
        return map_import_errors(in_order(rows), errors, failed=failed, total=attributes.get("total_count"))

    def _import(self, target: str | None, rows: Sequence[Row]) -> list[RowResult]:
        answer = self.http.request(
            "POST",
            "/api/profile-bulk-import-jobs",
            json=import_job(target, rows),
            idempotent=True,  # an upsert: a second job writes the same values
            bucket="bulk",
            pace=_BULK,
        )
        _refuse_unless_done(answer, "the import job was not accepted")
        job_id = answer.body.get("data", {}).get("id")
        if not job_id:
            return same_result(rows, Outcome.TRANSIENT, "no_job", "Klaviyo named no job")
        return [RowResult(row.key, Outcome.ACCEPTED, job_id=str(job_id)) for row in rows]

    def _clear(self, row: Row, body: dict[str, Any]) -> RowResult | None:
        """Empty the fields of one profile that an import job cannot empty; return a result only if that was refused."""
        answer = self.http.request(
            "POST", "/api/profile-import", json=body, idempotent=True, bucket="profiles", pace=_READS
        )
        if answer.status < 300:
            return None
        code = _code(answer)
        return RowResult(row.key, Outcome.PERMANENT, code, "Klaviyo refused to empty a field of this profile")

    def _remove(self, target: str, rows: Sequence[Row]) -> list[RowResult]:
        ids = {row.key: row.destination_id for row in rows if row.destination_id}
        ids |= self._look_up([row for row in rows if row.key not in ids])
        if ids:
            answer = self.http.request(
                "DELETE",
                f"/api/lists/{quote(target, safe='')}/relationships/profiles",
                json={"data": [member(str(profile_id)) for profile_id in dict.fromkeys(ids.values())]},
                idempotent=True,
                bucket="members",
                pace=_MEMBERS,
            )
            _refuse_unless_done(answer, "the profiles were not taken off the list")
        return [
            RowResult(row.key, Outcome.APPLIED, destination_id=ids[row.key])
            if row.key in ids
            else RowResult(row.key, Outcome.APPLIED, "no_profile", "Klaviyo has no such profile, so none on the list")
            for row in rows
        ]

    def _look_up(self, rows: Sequence[Row]) -> dict[str, str]:
        """Return the profile ids of rows by their key. The filter is in the address, which no message shows."""
        found: dict[str, str] = {}
        for field, keys in lookups(rows):
            by_value = {key.lower(): key for key in keys}
            fields = {"filter": any_filter(field, keys), "fields[profile]": field, "page[size]": str(LOOKUP_ROWS)}
            for item in self._pages("/api/profiles", fields):
                key = by_value.get(str(item.get("attributes", {}).get(field, "")).lower())
                if key is not None and item.get("id"):
                    found[key] = str(item["id"])
        return found

    def _pages(self, path: str, params: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
        """Yield the resources of every page. Only the cursor of the next address is used: keys go to one host only."""
        query = dict(params or {"page[size]": "100"})
        while True:
            answer = self._read(path, query)
            _refuse_unless_done(answer, "a page of results could not be read")
            yield from answer.body.get("data", [])
            following = (answer.body.get("links") or {}).get("next")
            cursor = parse_qs(urlsplit(following).query).get("page[cursor]") if following else None
            if not cursor:
                return
            query["page[cursor]"] = cursor[0]

    def _read(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        bucket: str = "profiles",
        pace: Limits = _READS,
    ) -> Response:
        return self.http.request("GET", path, params=params, idempotent=True, bucket=bucket, pace=pace)


def _required(target: str | None) -> str:
    if target is None:
        raise DestinationRefused(
            "A removal needs the list to remove from.",
            where="the exposure's sync block, field target",
            fix="Name the list's id.",
        )
    return target


def _too_large(row: Row) -> RowResult:
    return RowResult(
        row.key, Outcome.PERMANENT, "too_large", "the profile is larger than the 100 KB that Klaviyo takes"
    )


def _code(answer: Response) -> str:
    errors = answer.body.get("errors") or [{}]
    return str(errors[0].get("code") or answer.status)


def _refuse_unless_done(answer: Response, what: str) -> None:
    """Raise unless the answer is a success: a missing target stops the run, anything else is about the batch."""
    if answer.status < 300:
        return
    if answer.status == 404:
        raise DestinationRefused(
            f"Klaviyo does not know the object: {what} ({_code(answer)}).",
            where="the exposure's sync block, field target",
            fix="Check that the list still exists in this account.",
        )
    raise BatchRefused(_code(answer), f"Klaviyo said no: {what}")
