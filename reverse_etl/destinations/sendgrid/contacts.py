"""SendGrid's contacts and lists as addresses to call, without knowing of rows or policies.

Sources as in :mod:`reverse_etl.destinations.sendgrid.destination`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from reverse_etl.answers import Response, Verdict, by_status
from reverse_etl.destinations.base import Limits
from reverse_etl.destinations.sendgrid.payloads import Fields, code_of, fields_of, found
from reverse_etl.download import download
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.http import HttpClient

CONTACTS = "/v3/marketing/contacts"

# "30,000 contacts or 6MB of data", less what surrounds the contacts. SendGrid publishes no pace, but tells it in the
# headers of every answer, for each address by itself; these are where a run begins.
UPSERTS = Limits(rows=30_000, bytes=5_900_000, calls_per_second=2, burst=4)
SEARCHES = Limits(rows=100, bytes=5_900_000, calls_per_second=5, burst=5)
READS = Limits(rows=1, bytes=5_900_000, calls_per_second=5, burst=5)


class Contacts:
    """The contacts and lists of one account. Every call may be repeated without harm."""

    def __init__(self, http: HttpClient) -> None:
        self.http = http

    def fields(self) -> Fields:
        """Return the fields that a contact can carry."""
        answer = self._call("GET", "/v3/marketing/field_definitions", "fields", READS)
        refuse_unless_done(answer)
        return fields_of(answer.body)

    def check_list(self, target: str) -> None:
        """Read a list, to prove that it is there."""
        answer = self._call("GET", _list(target), "lists", READS)
        if answer.status == 404:
            raise DestinationRefused(
                f"SendGrid has no list with the id {target!r}.",
                where="the exposure's sync block, field target",
                fix="Use the id that ends the list's address in SendGrid, not its name.",
            )
        refuse_unless_done(answer)

    def upsert(self, contacts: Sequence[Mapping[str, Any]], target: str | None) -> str | None:
        """Queue an upsert, onto a list where one is named, and return the job's id."""
        lists = {"list_ids": [target]} if target else {}
        answer = self._call("PUT", CONTACTS, "contacts", UPSERTS, {**lists, "contacts": contacts})
        if answer.status == 404:
            raise DestinationRefused(
                "SendGrid does not know the list.",
                where="the exposure's sync block, field target",
                fix="Check that the list still exists in this account.",
            )
        refuse_unless_done(answer)
        return _job(answer)

    def job(self, job_id: str) -> dict[str, Any] | None:
        """Return the state of a job; ``None`` where SendGrid no longer knows it."""
        answer = self._call("GET", f"/v3/marketing/contacts/imports/{quote(job_id, safe='')}", "jobs", READS)
        if answer.status in (404, 410):
            return None
        refuse_unless_done(answer)
        return answer.body

    def errors(self, url: str) -> str | None:
        """Return the file of a job's errors; ``None`` where it is not to be had any more."""
        return download(url, beside=self.http.base_url)

    def find(self, emails: Sequence[str]) -> dict[str, dict[str, Any]] | None:
        """Return the contacts with these addresses, a hundred at most, by the address in lower case.

        ``None`` where SendGrid calls one of them invalid.
        """
        answer = self._call("POST", "/v3/marketing/contacts/search/emails", "search", SEARCHES, {"emails": emails})
        if answer.status == 400:
            return None
        if answer.status == 404:  # none of them is there
            return {}
        refuse_unless_done(answer)
        return found(answer.body)

    def take_off(self, target: str, ids: Sequence[str]) -> str | None:
        """Take contacts off a list, and return the id of the job that does it. The contacts stay."""
        path = f"{_list(target)}/contacts"
        answer = self._call("DELETE", path, "lists", SEARCHES, params={"contact_ids": ",".join(ids)})
        if answer.status == 404:  # the list, or one of the contacts
            self.check_list(target)
        refuse_unless_done(answer)
        return _job(answer)

    def count(self, target: str) -> int | None:
        """Return how many contacts a list has."""
        answer = self._call("GET", f"{_list(target)}/contacts/count", "lists", READS)
        refuse_unless_done(answer)
        count = answer.body.get("contact_count")
        return count if isinstance(count, int) else None

    def _call(
        self,
        method: str,
        path: str,
        bucket: str,
        pace: Limits,
        body: Any = None,
        params: Mapping[str, str] | None = None,
    ) -> Response:
        return self.http.request(
            method, path, json=body, params=params, idempotent=True, bucket=bucket, pace=pace, classify=classify
        )


def classify(response: Response) -> Verdict:
    """Judge an answer by its status, and say which permission a key lacks."""
    verdict = by_status(response)
    if response.status == 403:
        return replace(
            verdict,
            reason="the API key may not use Marketing",
            fix="Give the key full access to Marketing, under Settings, API Keys.",
        )
    return verdict


def _list(target: str) -> str:
    return f"/v3/marketing/lists/{quote(target, safe='')}"


def _job(answer: Response) -> str | None:
    job_id = answer.body.get("job_id")
    return str(job_id) if job_id else None


def refuse_unless_done(answer: Response) -> None:
    """Raise unless the answer is a success."""
    if answer.status >= 300:
        code = code_of(answer.body)
        raise BatchRefused(str(answer.status) if code == "other" else code, "SendGrid refused the call")
