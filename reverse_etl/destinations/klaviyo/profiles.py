"""Klaviyo's profiles and lists as addresses to call, without knowing of rows or policies.

Sources as in :mod:`reverse_etl.destinations.klaviyo`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from reverse_etl.answers import Response
from reverse_etl.destinations.base import Limits
from reverse_etl.destinations.codes import OTHER, inside, objects, short
from reverse_etl.destinations.klaviyo.payloads import LOOKUP_ROWS, any_filter, lookups, member, merge_body
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.http import HttpClient

# "5MB" a call, less what surrounds the profiles in the body
BULK = Limits(rows=10_000, bytes=4_990_000, calls_per_second=150 / 60, burst=10)
MEMBERS = Limits(rows=1_000, bytes=5_000_000, calls_per_second=150 / 60, burst=10)
MERGES = Limits(rows=1, bytes=5_000_000, calls_per_second=150 / 60, burst=10)
READS = Limits(rows=LOOKUP_ROWS, bytes=5_000_000, calls_per_second=750 / 60, burst=75)
COUNTS = Limits(rows=1, bytes=5_000_000, calls_per_second=15 / 60, burst=1)


class Profiles:
    """The profiles and lists of one account. Every call may be repeated without harm."""

    def __init__(self, http: HttpClient) -> None:
        self.http = http

    def check(self, target: str | None) -> None:
        """Read a list, or the account's lists, to prove that the key works and the list is there."""
        answer = self._read(_list(target) if target else "/api/lists")
        if answer.status == 404:
            raise DestinationRefused(
                f"Klaviyo has no list with the id {target!r}.",
                where="the exposure's sync block, field target",
                fix="Use the id that ends the list's address in Klaviyo, not its name.",
            )
        refuse_unless_done(answer, "the list could not be read")

    def import_all(self, body: Mapping[str, Any]) -> str | None:
        """Queue an import job and return its id."""
        answer = self._write("POST", "/api/profile-bulk-import-jobs", body, "bulk", BULK)
        refuse_unless_done(answer, "the import job was not accepted")
        job_id = inside(answer.body.get("data")).get("id")
        return str(job_id) if job_id else None

    def job(self, job_id: str) -> dict[str, Any] | None:
        """Return the attributes of an import job; ``None`` where Klaviyo no longer knows it."""
        answer = self._read(_job(job_id), bucket="bulk", pace=BULK)
        if answer.status in (404, 410):
            return None
        refuse_unless_done(answer, "the job could not be read")
        return inside(inside(answer.body.get("data")).get("attributes"))

    def job_errors(self, job_id: str) -> list[dict[str, Any]]:
        """Return the errors of an import job."""
        return list(self._pages(f"{_job(job_id)}/import-errors", bucket="bulk", pace=BULK))

    def import_one(self, body: Mapping[str, Any]) -> Response:
        """Create or update one profile; return the answer, a refusal included."""
        return self._write("POST", "/api/profile-import", body, "profiles", READS)

    def take_off(self, target: str, ids: Sequence[str], *, may_be_gone: bool = False) -> None:
        """Take profiles off a list.

        Args:
            target: The list.
            ids: Whom to take off.
            may_be_gone: Whether some of them may be no profiles any more. What Klaviyo says to that is not
                documented; if it is a refusal of the call, the others are taken off one by one.
        """
        if not ids:
            return
        body = {"data": [member(profile_id) for profile_id in ids]}
        answer = self._write("DELETE", f"{_list(target)}/relationships/profiles", body, "members", MEMBERS)
        if answer.status == 404 and may_be_gone:
            for one in ids if len(ids) > 1 else ():
                self.take_off(target, [one], may_be_gone=True)
            return
        refuse_unless_done(answer, "the profiles were not taken off the list")

    def merge(self, source_id: str, into_id: str) -> Response:
        """Queue the merge of one profile into another, for good; return the answer, a refusal included."""
        return self._write("POST", "/api/profile-merge", merge_body(source_id, into_id), "merges", MERGES)

    def find(self, field: str, keys: Sequence[str], fields: str = "") -> dict[str, dict[str, Any]]:
        """Return the profiles that there are of those named, by key.

        The keys are in the address, in a filter; no message shows it.

        Args:
            field: The identifier that the keys are values of.
            keys: The keys.
            fields: The sparse fieldset to read; the identifier alone unless said.
        """
        found: dict[str, dict[str, Any]] = {}
        for some in lookups(keys):
            asked: dict[str, list[str]] = {}
            for key in some:
                asked.setdefault(_spelled(field, key), []).append(key)
            query = {
                "filter": any_filter(field, some),
                "fields[profile]": fields or field,
                "page[size]": str(LOOKUP_ROWS),
            }
            for item in self._pages("/api/profiles", query):
                value = item.get("id") if field == "id" else inside(item.get("attributes")).get(field)
                name = _spelled(field, str(value or ""))
                found |= dict.fromkeys(asked.get(name, ()) if item.get("id") else (), item)
        return found

    def ids(self, field: str, keys: Sequence[str]) -> dict[str, str]:
        """Return the ids of the profiles that there are of those named, by key."""
        return {key: str(item["id"]) for key, item in self.find(field, keys).items()}

    def on_list(self, target: str, field: str) -> Iterator[dict[str, Any]]:
        """Yield the profiles of a list, each with one identifier."""
        yield from self._pages(f"{_list(target)}/profiles", {"fields[profile]": field, "page[size]": str(LOOKUP_ROWS)})

    def count(self, target: str) -> int | None:
        """Return how many profiles a list has."""
        query = {"additional-fields[list]": "profile_count"}
        answer = self._read(_list(target), query, bucket="counts", pace=COUNTS)
        refuse_unless_done(answer, "the list could not be counted")
        count = inside(inside(answer.body.get("data")).get("attributes")).get("profile_count")
        return count if isinstance(count, int) else None

    def _pages(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        bucket: str = "profiles",
        pace: Limits = READS,
    ) -> Iterator[dict[str, Any]]:
        """Yield the resources of every page. Only the cursor of the next address is used: keys go to one host only."""
        query = dict(params or {"page[size]": "100"})
        while True:
            answer = self._read(path, query, bucket=bucket, pace=pace)
            refuse_unless_done(answer, "a page of results could not be read")
            yield from objects(answer.body.get("data"))
            following = inside(answer.body.get("links")).get("next")
            cursor = parse_qs(urlsplit(str(following)).query).get("page[cursor]") if following else None
            if not cursor:
                return
            query["page[cursor]"] = cursor[0]

    def _read(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        bucket: str = "profiles",
        pace: Limits = READS,
    ) -> Response:
        return self.http.request("GET", path, params=params, idempotent=True, bucket=bucket, pace=pace)

    def _write(self, method: str, path: str, body: Mapping[str, Any], bucket: str, pace: Limits) -> Response:
        # A second import writes the same values, who is off a list stays off it, and a merge that was done is refused.
        return self.http.request(method, path, json=body, idempotent=True, bucket=bucket, pace=pace)


def _list(target: str) -> str:
    return f"/api/lists/{quote(target, safe='')}"


def _job(job_id: str) -> str:
    return f"/api/profile-bulk-import-jobs/{quote(job_id, safe='')}"


def _spelled(field: str, value: str) -> str:
    """Return an identifier in the one spelling that it is compared in: addresses are the same in any case."""
    return value.lower() if field == "email" else value


def code_of(answer: Response) -> str:
    """Return the short code of a refusal."""
    errors = objects(answer.body.get("errors"))
    code = short(errors[0].get("code") or OTHER) if errors else OTHER
    return str(answer.status) if code == OTHER else code


def refuse_unless_done(answer: Response, what: str) -> None:
    """Raise unless the answer is a success: a missing target stops the run, anything else is about the batch."""
    if answer.status < 300:
        return
    if answer.status == 404:
        raise DestinationRefused(
            f"Klaviyo does not know the object: {what} ({code_of(answer)}).",
            where="the exposure's sync block, field target",
            fix="Check that the list still exists in this account.",
        )
    raise BatchRefused(code_of(answer), f"Klaviyo said no: {what}")
