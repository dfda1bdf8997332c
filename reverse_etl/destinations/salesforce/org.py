"""A Salesforce org as addresses to call: describe, query, collections and bulk jobs, without knowing of rows.

Sources as in :mod:`reverse_etl.destinations.salesforce.destination`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from reverse_etl.answers import Response
from reverse_etl.destinations.base import Limits
from reverse_etl.destinations.codes import inside, objects, short
from reverse_etl.destinations.salesforce.codes import call_codes, classify
from reverse_etl.destinations.salesforce.fields import NAME, Thing
from reverse_etl.destinations.salesforce.payloads import (
    Record,
    collection,
    csv_of,
    lookups,
    read_csv,
)
from reverse_etl.errors import AmbiguousCall, BatchRefused, DestinationDown, DestinationRefused
from reverse_etl.http import HttpClient, Reads

VERSION = "v68.0"
DATA = f"/services/data/{VERSION}"
COLLECTIONS = f"{DATA}/composite/sobjects"
JOBS = f"{DATA}/jobs/ingest"

COLLECTION_ROWS = 200
MEMBERSHIPS = "00v"  #: begins the id of every campaign member, and of nothing else
UPLOADS = 3  #: jobs tried for one upload that breaks: a job takes content once, so each try is a new job

#: Salesforce limits calls by the day, and long ones to 25 at a time, but not by the second: this pace is ours.
CALLS = Limits(rows=COLLECTION_ROWS, bytes=10_000_000, calls_per_second=10, burst=20)

#: A job's rows are worked on 10,000 at a time, of 10 million characters, 15,000 times a day for all jobs of the org.
BATCHES = Limits(rows=10_000, bytes=10_000_000, calls_per_second=15_000 / 86_400, burst=15_000)

_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")
_NEARLY = 0.9

_log = logging.getLogger(__name__)


class Org:
    """One org."""

    def __init__(self, http: HttpClient) -> None:
        self.http = http

    def describe(self, kind: str) -> Thing:
        """Return what an object is, as the connection's user sees it.

        Raises:
            DestinationRefused: There is none that the user sees.
        """
        answer = self._call("GET", f"{DATA}/sobjects/{kind}/describe") if NAME.fullmatch(kind) else None
        if answer is None or answer.status == 404:
            raise DestinationRefused(
                f"Salesforce has no object {kind!r}, or the connection's user cannot see it.",
                where="the exposure's sync block, field target",
                fix="Use its API name, such as Contact, Lead or My_Object__c, and give the user access to it.",
            )
        refuse_unless_done(answer)
        _tell_of_usage(answer)
        return Thing.of(answer.body)

    def find(
        self, thing: Thing, field: str, keys: Sequence[str], columns: Sequence[str] = ()
    ) -> dict[str, list[dict[str, Any]]]:
        """Return the records that have any of these keys, by the key in lower case: Salesforce compares so."""
        found: dict[str, list[dict[str, Any]]] = {}
        for query in lookups(thing.name, field, thing.is_number(field), keys, columns):
            for record in self.query(query):
                found.setdefault(str(record.get(field, "")).lower(), []).append(record)
        return found

    def query(self, soql: str) -> list[dict[str, Any]]:
        """Return all records of a query."""
        answer = self._call("GET", f"{DATA}/query", params={"q": soql})
        records: list[dict[str, Any]] = []
        while True:
            refuse_unless_done(answer)
            records += objects(answer.body.get("records"))
            more = str(answer.body.get("nextRecordsUrl") or "")
            if not more.startswith(f"{DATA}/query/"):
                return records
            answer = self._call("GET", more)

    def total(self, soql: str) -> int | None:
        """Return the number that a count told."""
        answer = self._call("GET", f"{DATA}/query", params={"q": soql})
        refuse_unless_done(answer)
        total = answer.body.get("totalSize")
        return total if isinstance(total, int) else None

    def upsert(self, kind: str, field: str, records: Sequence[Record]) -> Any:
        """Create or update at most 200 records by a field; return the answers in order."""
        return self._write(f"{COLLECTIONS}/{kind}/{field}", kind, records)

    def update(self, kind: str, records: Sequence[Record]) -> Any:
        """Update at most 200 records by their ids; return the answers in order."""
        return self._write(COLLECTIONS, kind, records)

    def insert(self, kind: str, records: Sequence[Record]) -> Any:
        """Create at most 200 records; return the answers in order."""
        return self._write(COLLECTIONS, kind, records, method="POST")

    def end_memberships(self, ids: Sequence[str]) -> Any:
        """Take at most 200 members out of their campaigns; return the answers in order.

        Raises:
            ValueError: An id is that of anything else: nothing but a membership is ever taken away.
        """
        if not all(one.startswith(MEMBERSHIPS) for one in ids):
            raise ValueError("only memberships of campaigns may be ended")
        answer = self._call("DELETE", COLLECTIONS, params={"ids": ",".join(ids), "allOrNone": "false"})
        refuse_unless_done(answer)
        return answer.data

    def start_job(self, kind: str, field: str | None, records: Sequence[Record]) -> str | None:
        """Hand records to a job, and return its id; ``None`` where the object takes no jobs.

        Args:
            kind: The object.
            field: Upserts by it; without one, records are updated by their ids.
            records: What to write.

        Raises:
            DestinationDown: No upload came through; nothing was started.
            AmbiguousCall: It is not known whether the last job was started.
        """
        content = csv_of(records)
        how = {"operation": "update"} if field is None else {"operation": "upsert", "externalIdFieldName": field}
        body = {"object": kind, **how, "contentType": "CSV", "lineEnding": "LF", "columnDelimiter": "COMMA"}
        for _ in range(UPLOADS):
            job = self._create(body)
            if job is None:
                return None
            if self._upload(job, content):
                self._complete(job)
                return job
        raise DestinationDown(
            "The upload to a bulk job broke every time.",
            where=f"PUT {JOBS}/.../batches",
            fix="Nothing of it was taken; the next run sends it again.",
        )

    def job(self, job: str) -> dict[str, Any] | None:
        """Return what Salesforce knows of a job; ``None`` where it knows it no more."""
        answer = self._call("GET", f"{JOBS}/{job}")
        if answer.status == 404:
            return None
        refuse_unless_done(answer)
        return answer.body

    def done(self, job: str, field: str) -> list[tuple[str, ...]]:
        """Return the records of a job that were written: the value of a field, and the id."""
        return read_csv(self._results(f"{JOBS}/{job}/successfulResults"), field, "sf__Id")

    def failed(self, job: str, field: str) -> list[tuple[str, ...]]:
        """Return the records of a job that were refused: the value of a field, and the error."""
        return read_csv(self._results(f"{JOBS}/{job}/failedResults"), field, "sf__Error")

    def unprocessed(self, job: str, field: str) -> list[tuple[str, ...]]:
        """Return the records that a job did not come to: the value of a field."""
        return read_csv(self._results(f"{JOBS}/{job}/unprocessedrecords"), field)

    def _write(self, path: str, kind: str, records: Sequence[Record], method: str = "PATCH") -> Any:
        answer = self._call(method, path, collection(kind, records))
        refuse_unless_done(answer)
        return answer.data

    def _create(self, body: Mapping[str, Any]) -> str | None:
        # Repeated at worst, there is an empty job more, which Salesforce never works on.
        answer = self._call("POST", JOBS, body)
        if answer.status == 400 and call_codes(answer) & {"INVALIDENTITY", "INVALID_ENTITY"}:
            return None
        refuse_unless_done(answer)
        job = answer.body.get("id")
        if not isinstance(job, str) or not job.isalnum():
            raise DestinationDown(
                "Salesforce named no job.", where=f"POST {JOBS}", fix="Nothing was taken; the next run sends it again."
            )
        return job

    def _upload(self, job: str, content: bytes) -> bool:
        """Return whether a job has its content; where that is not known, it is given up without having begun."""
        try:
            answer = self._call("PUT", f"{JOBS}/{job}/batches", content=content, idempotent=False)
        except AmbiguousCall:
            self._call("PATCH", f"{JOBS}/{job}", {"state": "Aborted"})
            return False
        refuse_unless_done(answer)
        return True

    def _complete(self, job: str) -> None:
        answer = self._call("PATCH", f"{JOBS}/{job}", {"state": "UploadComplete"})
        if answer.status >= 300 and inside(self.job(job)).get("state") == "Open":
            refuse_unless_done(answer)  # not so where an attempt before this one had been taken

    def _results(self, path: str) -> Any:
        answer = self._call("GET", path, reads="text")
        refuse_unless_done(answer)
        return answer.data

    def _call(
        self,
        method: str,
        path: str,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        *,
        content: bytes | None = None,
        reads: Reads = "json",
        idempotent: bool = True,
    ) -> Response:
        headers = {"Content-Type": "text/csv"} if content is not None else {}
        return self.http.request(
            method,
            path,
            json=body,
            data=content,
            headers=headers if reads == "json" else {"Accept": "text/csv"},
            params=params,
            reads=reads,
            idempotent=idempotent,
            pace=CALLS,
            classify=classify,
        )


def refuse_unless_done(answer: Response) -> None:
    """Raise unless the answer is a success.

    Raises:
        DestinationRefused: A field or an object is wrong, which is no row's fault.
        BatchRefused: Something in the batch is.
    """
    if answer.status < 300:
        return
    codes = sorted(call_codes(answer))
    code = short(codes[0]) if codes else str(answer.status)
    if {"INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE", "NOT_FOUND", "INVALID_TYPE"} & set(codes):
        raise DestinationRefused(
            f"Salesforce lacks the object or a field of it, or hides it from the connection's user ({code}).",
            where="the exposure's sync block, field target, and the feed's columns",
            fix="Run again: the check before the first batch names what is missing.",
        )
    raise BatchRefused(code, "Salesforce refused the batch")


def _tell_of_usage(answer: Response) -> None:
    """Warn where the org's calls of the day are nearly used up."""
    match = _USAGE.search(answer.headers.get("Sforce-Limit-Info", ""))
    if match and int(match[1]) >= _NEARLY * int(match[2]):
        _log.warning("Salesforce: %s of the org's %s API calls of the last 24 hours are used.", match[1], match[2])
