"""Klaviyo's profile bulk import jobs and merges: queued, processing, complete, whether or not anyone asks."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from sandbox.faults import Faults, Kind
from sandbox.klaviyo.profiles import ACCOUNT, Profiles
from sandbox.store import Store

EMPTY: dict[str, Any] = {"profile_ids": [], "errors": []}
PATH = "/api/profile-bulk-import-jobs"
MERGE_PATH = "/api/profile-merge"


class Jobs:
    """The import jobs and the merges of one account.

    Args:
        seconds: How long a job takes: one third in the queue, the rest in processing.
    """

    def __init__(self, store: Store, faults: Faults, profiles: Profiles, seconds: float) -> None:
        self.store = store
        self.faults = faults
        self.profiles = profiles
        self.seconds = seconds

    def create(self, profiles: list[dict[str, Any]], lists: list[str]) -> dict[str, Any]:
        """Queue an import."""
        return self._queue(PATH, len(profiles), {"profiles": profiles, "lists": lists})

    def create_merge(self, into_id: str, source_id: str) -> None:
        """Queue a merge, which nobody can ask after: only that the source is gone tells that it is done."""
        self._queue(MERGE_PATH, 1, {"into": into_id, "source": source_id})

    def _queue(self, path: str, total: int, payload: dict[str, Any]) -> dict[str, Any]:
        job_id = "01" + uuid.uuid4().hex[:24].upper()
        now = time.time()
        due: float | None = now + self.seconds
        status = "queued"
        if self.faults.take(ACCOUNT, Kind.JOB_STUCK, path=path, text=json.dumps(payload)):
            due = None
        elif self.faults.take(ACCOUNT, Kind.JOB_FAILED, path=path, text=json.dumps(payload)):
            status, due = "cancelled", None
        self.store.execute(
            "insert into jobs values (?, ?, ?, null, ?, ?, ?, ?, ?, ?)",
            job_id,
            ACCOUNT,
            now,
            due,
            now if status == "cancelled" else None,
            status,
            total,
            json.dumps(payload),
            json.dumps(EMPTY),
        )
        return self._get(job_id)

    def get(self, job_id: str) -> dict[str, Any] | None:
        """Return a job, or ``None``."""
        known = self.store.one("select 1 from jobs where account = ? and id = ?", ACCOUNT, job_id)
        return self._get(job_id) if known else None

    def _get(self, job_id: str) -> dict[str, Any]:
        row = self.store.exactly_one("select * from jobs where id = ?", job_id)
        return row | {"payload": json.loads(row["payload"]), "result": json.loads(row["result"])}

    def advance(self) -> None:
        """Start and finish the jobs whose time has come."""
        now = time.time()
        with self.store.transaction():
            self.store.execute(
                "update jobs set status = 'processing', started_at = ? where status = 'queued' and due_at - ? <= ?",
                now,
                self.seconds * 2 / 3,
                now,
            )
            due = self.store.query(
                "select id from jobs where status = 'processing' and due_at <= ? order by due_at, rowid", now
            )
            for row in due:
                self._finish(row["id"])

    def release(self) -> None:
        """Let stuck jobs go on."""
        self.store.execute("update jobs set due_at = ? where status = 'queued' and due_at is null", time.time())

    def _finish(self, job_id: str) -> None:
        job = self._get(job_id)
        errors, profile_ids = [], []
        changed = 0
        if "source" in job["payload"]:
            self.profiles.merge(job["payload"]["into"], job["payload"]["source"])
        for index, profile in enumerate(job["payload"].get("profiles", [])):
            error = self.profiles.invalid(profile, f"/data/attributes/profiles/data/{index}")
            if error:
                errors.append({**error, "original_payload": profile})
                continue
            profile_id, created = self.profiles.upsert(profile)
            profile_ids.append(profile_id)
            changed += not created
        for list_id in job["payload"].get("lists", []):
            added = self.store.add_members(ACCOUNT, list_id, [(known, None) for known in profile_ids])
            self.store.note_changes(ACCOUNT, list_id, min(changed, len(profile_ids) - added))
        if errors:
            self.store.note_refusal(ACCOUNT, PATH, "invalid", "profiles that could not be imported", len(errors))
        self.store.execute(
            "update jobs set status = 'complete', finished_at = ?, payload = '{}', result = ? where id = ?",
            time.time(),
            json.dumps({"profile_ids": profile_ids, "errors": errors}),
            job_id,
        )
