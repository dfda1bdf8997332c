"""Jobs of the Bulk API 2.0: content that must be CSV to the letter, states that pass by themselves, three results."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

from sandbox.api import Api, Reply, Request, Route
from sandbox.faults import Kind
from sandbox.salesforce.content import parse, sf_error, wrong_header
from sandbox.salesforce.records import Records
from sandbox.salesforce.schema import THINGS

VERSION = "v68.0"
JOBS = f"/services/data/{VERSION}/jobs/ingest"
MAX_UPLOAD = 150_000_000 * 3 // 4  #: bytes, which are 150 MB in base64
OPERATIONS = ("insert", "update", "upsert", "delete")


class JobEndpoints(Api):
    """Creating, filling, closing and asking after jobs."""

    held: Records
    job_routes = (
        Route("POST", JOBS, "create_job", "calls"),
        Route("GET", JOBS, "list_jobs", "calls"),
        Route("GET", JOBS + "/{job_id}", "get_job", "calls"),
        Route("PATCH", JOBS + "/{job_id}", "change_job", "calls"),
        Route("DELETE", JOBS + "/{job_id}", "delete_job", "calls"),
        Route("PUT", JOBS + "/{job_id}/batches", "upload", "calls"),
        Route("GET", JOBS + "/{job_id}/successfulResults", "get_done", "calls"),
        Route("GET", JOBS + "/{job_id}/failedResults", "get_failed", "calls"),
        Route("GET", JOBS + "/{job_id}/unprocessedrecords", "get_unprocessed", "calls"),
    )

    def create_job(self, request: Request) -> Reply:
        """Open a job."""
        body = request.body
        thing = THINGS.get(str(body.get("object", "")).lower())
        if thing is None:
            return self.refuse(400, "INVALIDENTITY", f"Entity '{body.get('object')}' is not supported by the Bulk API")
        operation, key = body.get("operation"), body.get("externalIdFieldName")
        if operation == "hardDelete":
            return self.refuse(400, "FEATURENOTENABLED", "The permission Bulk API Hard Delete is not enabled.")
        if operation not in OPERATIONS:
            return self.refuse(400, "INVALIDJOB", f"Invalid operation: {operation}")
        if body.get("contentType", "CSV") != "CSV" or body.get("lineEnding", "LF") not in ("LF", "CRLF"):
            return self.refuse(400, "INVALIDJOB", "contentType is CSV, lineEnding is LF or CRLF")
        if set(body) - _FIELDS:
            return self.refuse(400, "JSON_PARSER_ERROR", f'Unrecognized field "{sorted(set(body) - _FIELDS)[0]}"')
        if operation == "upsert":
            field = thing.fields.get(str(key).lower())
            if field is None or not (field.external_id or field.id_lookup):
                return self.refuse(400, "INVALIDJOB", f"External ID was required but not found: {key}")
        elif key:
            return self.refuse(400, "INVALIDJOB", "externalIdFieldName is only for upsert")
        job_id = f"750{self.store.next_number('salesforce jobs', 100_000_000_001):012d}AAA"
        told = {"object": thing.name, "operation": operation, **({"externalIdFieldName": key} if key else {})}
        told["lineEnding"] = body.get("lineEnding", "LF")
        self.store.execute(
            "insert into jobs values (?, ?, ?, null, null, null, 'Open', 0, ?, '')",
            job_id,
            self.name,
            time.time(),
            json.dumps({"told": told}),
        )
        return Reply(200, self._info(self._job(job_id)))

    def list_jobs(self, request: Request) -> Reply:
        """Return all jobs."""
        rows = self.store.query("select id from jobs where account = ? order by created_at", self.name)
        return Reply(200, {"done": True, "records": [self._info(self._job(row["id"])) for row in rows]})

    def get_job(self, request: Request) -> Reply:
        """Return the state of a job."""
        job = self._job(request.args["job_id"])
        return Reply(200, self._info(job)) if job else self._gone()

    def upload(self, request: Request) -> Reply:
        """Take the content of an open job, once."""
        job = self._job(request.args["job_id"])
        if not job:
            return self._gone()
        if not request.headers.get("content-type", "").startswith("text/csv"):
            return self.refuse(415, "UNSUPPORTED_MEDIA_TYPE", "The content is text/csv.")
        if job["status"] != "Open":
            return self.refuse(400, "INVALIDJOBSTATE", "Uploading data not allowed once a job has been closed")
        if request.size > MAX_UPLOAD:
            return self.refuse(413, "REQUEST_TOO_LARGE", "Maximum size of uploaded data is 150 MB in base64.")
        request.rows = request.body.count("\n") - 1 if isinstance(request.body, str) else 0
        uploads = job["payload"].get("uploads", 0) + 1
        self.store.execute(
            "update jobs set payload = ?, result = ? where id = ?",
            json.dumps(job["payload"] | {"uploads": uploads}),
            request.body or "",
            job["id"],
        )
        return Reply(201, None)

    def change_job(self, request: Request) -> Reply:
        """Close a job, or abort it."""
        job = self._job(request.args["job_id"])
        if not job:
            return self._gone()
        state = request.body.get("state")
        if state == "Aborted" and job["status"] in ("Open", "UploadComplete", "InProgress"):
            self._end(job, "Aborted")
        elif state == "UploadComplete" and job["status"] == "Open":
            if job["payload"].get("uploads", 0) > 1:
                message = f"Found multiple contents for job: <{job['id']}>, please do 'PUT' once on a given Job."
                return self.refuse(400, "INVALIDJOBSTATE", message)
            self._queue(job)
        else:
            return self.refuse(400, "INVALIDJOBSTATE", f"Closing or aborting is not allowed in state {job['status']}")
        return Reply(200, self._info(self._job(job["id"])))

    def delete_job(self, request: Request) -> Reply:
        """Forget a job that has ended."""
        job = self._job(request.args["job_id"])
        if not job:
            return self._gone()
        if job["status"] in ("Open", "InProgress"):
            return self.refuse(400, "API_ERROR", "Jobs must be UploadComplete, JobComplete, Aborted or Failed.")
        self.store.execute("delete from jobs where id = ?", job["id"])
        return Reply(204, None)

    def get_done(self, request: Request) -> Reply:
        """Return the records that were written."""
        return self._results(request, "done")

    def get_failed(self, request: Request) -> Reply:
        """Return the records that were refused."""
        return self._results(request, "failed")

    def get_unprocessed(self, request: Request) -> Reply:
        """Return the records that the job did not come to."""
        return self._results(request, "unprocessed")

    def advance(self) -> None:
        """Start and finish the jobs whose time has come."""
        now = time.time()
        with self.store.transaction():
            self.store.execute(
                "update jobs set status = 'InProgress', started_at = ? where account = ? and status = 'UploadComplete' "
                "and due_at - ? <= ?",
                now,
                self.name,
                self.job_seconds * 2 / 3,
                now,
            )
            due = self.store.query(
                "select id from jobs where account = ? and status = 'InProgress' and due_at <= ? order by due_at",
                self.name,
                now,
            )
            for row in due:
                self._work(self._job(row["id"]))

    def release(self) -> None:
        """Let stuck jobs go on."""
        self.store.execute(
            "update jobs set due_at = ? where account = ? and status = 'UploadComplete' and due_at is null",
            time.time(),
            self.name,
        )

    def _queue(self, job: dict[str, Any]) -> None:
        text = self._content(job)
        due: float | None = time.time() + self.job_seconds
        status = "UploadComplete"
        if self.faults.take(self.name, Kind.JOB_STUCK, path=JOBS, text=text):
            due = None
        elif self.faults.take(self.name, Kind.JOB_FAILED, path=JOBS, text=text):
            lines = parse(text, job["payload"]["told"]["lineEnding"])
            self._end(job, "Failed", unprocessed=[] if isinstance(lines, str) else lines[1:], header=lines[0])
            return
        self.store.execute("update jobs set status = ?, due_at = ? where id = ?", status, due, job["id"])

    def _work(self, job: dict[str, Any]) -> None:
        told = job["payload"]["told"]
        thing = THINGS[told["object"].lower()]
        lines = parse(self._content(job), told["lineEnding"])
        problem = lines if isinstance(lines, str) else wrong_header(thing, lines[0])
        if isinstance(lines, str) or problem:
            self._end(job, "Failed", message=f"InvalidBatch : {problem}")
            return
        header, rows = lines[0], lines[1:]
        records = [
            {name: None if cell == "#N/A" else cell for name, cell in zip(header, row, strict=True) if cell != ""}
            for row in rows
        ]
        if told["operation"] == "delete":
            results = self.held.delete([str(record.get("Id")) for record in records])
        else:
            by = told.get("externalIdFieldName")
            results = self.held.write(thing, records, told["operation"], by, JOBS)
        done = [
            [one["id"], "true" if one.get("created") else "false", *row]
            for one, row in zip(results, rows, strict=True)
            if one["success"]
        ]
        failed = [
            [str(record.get("Id") or ""), sf_error(one["errors"][0]), *row]
            for one, row, record in zip(results, rows, records, strict=True)
            if not one["success"]
        ]
        self._end(job, "JobComplete", header=header, done=done[::-1], failed=failed)

    def _end(
        self,
        job: dict[str, Any],
        status: str,
        *,
        header: Any = (),
        done: Sequence[Sequence[str]] = (),
        failed: Sequence[Sequence[str]] = (),
        unprocessed: Sequence[Sequence[str]] = (),
        message: str = "",
    ) -> None:
        result = {
            "done": [["sf__Id", "sf__Created", *header], *done],
            "failed": [["sf__Id", "sf__Error", *header], *failed],
            "unprocessed": [list(header), *unprocessed],
        }
        self.store.execute(
            "update jobs set status = ?, finished_at = ?, total = ?, payload = ?, result = ? where id = ?",
            status,
            time.time(),
            len(done) + len(failed),
            json.dumps({"told": job["payload"]["told"], "failed": len(failed), "message": message}),
            json.dumps(result),
            job["id"],
        )

    def _job(self, job_id: str) -> dict[str, Any]:
        sql = "select id, status, total, payload from jobs where account = ? and id = ?"
        row = self.store.one(sql, self.name, job_id)
        return row | {"payload": json.loads(row["payload"])} if row else {}

    def _content(self, job: Mapping[str, Any]) -> str:
        """Return what was uploaded; once a job has ended, its results are there instead."""
        return str(self.store.exactly_one("select result from jobs where id = ?", job["id"])["result"])

    def _info(self, job: dict[str, Any]) -> dict[str, Any]:
        message = job["payload"].get("message")
        return {
            "id": job["id"],
            **job["payload"]["told"],
            "state": job["status"],
            "apiVersion": float(VERSION[1:]),
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "concurrencyMode": "Parallel",
            "jobType": "V2Ingest",
            "contentUrl": f"services/data/{VERSION}/jobs/ingest/{job['id']}/batches",
            "numberRecordsProcessed": job["total"],
            "numberRecordsFailed": job["payload"].get("failed", 0),
            **({"errorMessage": message} if message else {}),
        }

    def _results(self, request: Request, which: str) -> Reply:
        job = self._job(request.args["job_id"])
        if not job:
            return self._gone()
        if job["status"] not in ("JobComplete", "Failed", "Aborted"):
            return self.refuse(400, "INVALIDJOBSTATE", f"Results are not available in state {job['status']}")
        lines = json.loads(self._content(job))[which]
        out = StringIO()
        csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(lines)
        return Reply(200, out.getvalue(), {"Content-Type": "text/csv"})

    def _gone(self) -> Reply:
        return self.refuse(404, "NOT_FOUND", "The requested resource does not exist")


_FIELDS = {
    *("object", "operation", "externalIdFieldName", "contentType", "lineEnding", "columnDelimiter"),
    "assignmentRuleId",
}
