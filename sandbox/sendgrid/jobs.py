"""SendGrid's jobs: upserts and removals from lists, pending until their time has come."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from sandbox.faults import Faults, Kind
from sandbox.store import Record, Store

ACCOUNT = "sendgrid"
EMAIL = re.compile(r"^[^@\s\"(),:;<>\[\]]+@[^@\s.]+(\.[^@\s.]+)+$")
IDENTIFIERS = ("email", "phone_number_id", "external_id", "anonymous_id")
#: Where a record of the store keeps what a contact is found by.
FOUND_BY = {"email": "email", "phone_number_id": "phone", "external_id": "external_id"}


class Jobs:
    """The jobs of one account."""

    def __init__(self, store: Store, faults: Faults, seconds: float) -> None:
        self.store = store
        self.faults = faults
        self.seconds = seconds

    def create(self, kind: str, total: int, payload: Mapping[str, Any]) -> str:
        """Queue a job and return its id."""
        job_id = str(uuid.uuid4())
        now = time.time()
        due: float | None = now + self.seconds
        status = "pending"
        text = orjson.dumps({"kind": kind, **payload}).decode()
        if self.faults.take(ACCOUNT, Kind.JOB_STUCK, text=text):
            due = None
        elif self.faults.take(ACCOUNT, Kind.JOB_FAILED, text=text):
            status, due = "failed", None
        self.store.execute(
            "insert into jobs values (?, ?, ?, null, ?, ?, ?, ?, ?, ?)",
            job_id,
            ACCOUNT,
            now,
            due,
            now if status == "failed" else None,
            status,
            total,
            text,
            "{}",
        )
        return job_id

    def get(self, job_id: str) -> dict[str, Any] | None:
        """Return a job, or ``None``."""
        row = self.store.one("select * from jobs where account = ? and id = ?", ACCOUNT, job_id)
        return _read(row) if row else None

    def advance(self) -> None:
        """Do the jobs whose time has come."""
        sql = "select id from jobs where account = ? and status = 'pending' and due_at <= ? order by due_at, rowid"
        for row in self.store.query(sql, ACCOUNT, time.time()):
            with self.store.transaction():
                self._finish(row["id"])

    def release(self) -> None:
        """Let stuck jobs go on."""
        sql = "update jobs set due_at = ? where account = ? and status = 'pending' and due_at is null"
        self.store.execute(sql, time.time(), ACCOUNT)

    def _finish(self, job_id: str) -> None:
        job = _read(self.store.exactly_one("select * from jobs where id = ?", job_id))
        payload = job["payload"]
        if payload["kind"] == "upsert":
            result = self._upsert(payload["contacts"], payload["lists"])
        else:
            self.store.remove_members(ACCOUNT, payload["list"], payload["ids"])
            result = {"requested_count": len(payload["ids"]), "errors": []}
        failed = len(result["errors"])
        if failed:
            self.store.note_refusal(ACCOUNT, "/v3/marketing/contacts", "errored", "contacts of a job", failed)
        status = "completed" if not failed else "failed" if failed == job["total"] else "errored"
        self.store.execute(
            "update jobs set status = ?, finished_at = ?, payload = ?, result = ? where id = ?",
            status,
            time.time(),
            orjson.dumps({"kind": payload["kind"]}).decode(),
            orjson.dumps(result).decode(),
            job_id,
        )

    def _upsert(self, contacts: Sequence[dict[str, Any]], lists: Sequence[str]) -> dict[str, Any]:
        """Write contacts; those that are refused are left out, with the reason."""
        for one in contacts:
            one["email"] = str(one.get("email", "")).lower()
        known = {
            name: self.store.find_records(ACCOUNT, column, [str(one.get(name, "")) for one in contacts])
            for name, column in FOUND_BY.items()
        }
        refusing = any(fault["kind"] == Kind.REFUSE_ROWS for fault in self.faults.list())
        written: dict[str, Record] = {}
        by_email: dict[str, str] = {}
        errors, created = [], 0
        for one in contacts:
            row = next((known[name][str(one[name])] for name in FOUND_BY if str(one.get(name)) in known[name]), None)
            problem = self._problem(one, row, refusing)
            if problem:
                errors.append({"email": one["email"], "message": problem})
                continue
            contact_id = row["id"] if row else by_email.get(one["email"]) or str(uuid.uuid4())
            old = row["data"] if row else written[contact_id].data if contact_id in written else {}
            created += not old
            custom = {**old.get("custom_fields", {}), **one.pop("custom_fields", {})}
            data = {**old, **one, "custom_fields": custom}
            by_email[one["email"]] = contact_id
            written[contact_id] = Record(
                contact_id,
                data,
                str(data.get("email", "")),
                str(data.get("phone_number_id", "")),
                str(data.get("external_id", "")),
            )
        self.store.put_records(ACCOUNT, written.values())
        for list_id in lists:
            added = self.store.add_members(ACCOUNT, list_id, [(contact_id, None) for contact_id in written])
            self.store.note_changes(ACCOUNT, list_id, len(written) - added)
        counts = {"requested_count": len(contacts), "created_count": created}
        return {**counts, "updated_count": len(contacts) - created - len(errors), "errors": errors}

    def _problem(self, one: Mapping[str, Any], row: Mapping[str, Any] | None, refusing: bool) -> str | None:
        """Return why a contact of a job is refused, or ``None``."""
        if one["email"] and not EMAIL.match(one["email"]):
            return "invalid email"
        if row and any(row["data"].get(name) and not one.get(name) for name in IDENTIFIERS):
            return "all existing identifiers must be present"
        if refusing and self.faults.take(ACCOUNT, Kind.REFUSE_ROWS, text=orjson.dumps(one).decode()):
            return "refused"
        return None


def _read(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"payload": orjson.loads(row["payload"]), "result": orjson.loads(row["result"])}
