"""Klaviyo's endpoints around profile bulk import jobs."""

from __future__ import annotations

import json
from typing import Any

from sandbox.api import Api, Reply, Request, Route
from sandbox.klaviyo.jobs import Jobs
from sandbox.klaviyo.pages import iso, offset_page
from sandbox.klaviyo.profiles import Profiles

MAX_BODY = 5 * 1024 * 1024
MAX_PROFILE = 100 * 1024
MAX_PROFILES = 10_000


class ImportEndpoints(Api):
    """Creating and asking after import jobs."""

    profiles: Profiles
    jobs: Jobs
    import_routes = (
        Route("POST", "/api/profile-bulk-import-jobs", "create_job", "M"),
        Route("GET", "/api/profile-bulk-import-jobs/{job_id}", "get_job", "M"),
        Route("GET", "/api/profile-bulk-import-jobs/{job_id}/import-errors", "get_job_errors", "M"),
        Route("GET", "/api/profile-bulk-import-jobs/{job_id}/profiles", "get_job_profiles", "M"),
        Route("GET", "/api/profile-bulk-import-jobs/{job_id}/relationships/profiles", "get_job_profile_ids", "M"),
    )

    def create_job(self, request: Request) -> Reply:
        """Queue an import of at most 10,000 profiles and 5 MB."""
        if request.size > MAX_BODY:
            return self.refuse(413, "payload_too_large", "The payload is larger than 5MB.")
        try:
            profiles = request.body["data"]["attributes"]["profiles"]["data"]
            related = request.body["data"].get("relationships", {}).get("lists", {}).get("data", [])
            lists = [str(item["id"]) for item in related]
            if request.body["data"]["type"] != "profile-bulk-import-job" or not isinstance(profiles, list):
                raise KeyError("type")
        except (KeyError, TypeError, AttributeError):
            return self.refuse(400, "invalid", "The payload is not a profile-bulk-import-job.")
        request.rows = len(profiles)
        pointer = "/data/attributes/profiles/data"
        if not 1 <= len(profiles) <= MAX_PROFILES:
            return self.refuse(400, "invalid", f"Between 1 and {MAX_PROFILES} profiles are allowed.", pointer=pointer)
        for index, profile in enumerate(profiles):
            problem = self.profiles.malformed(profile)
            if problem is None and request.size > MAX_PROFILE and len(json.dumps(profile)) > MAX_PROFILE:
                problem = "The profile is larger than 100KB."
            if problem:
                return self.refuse(400, "invalid", problem, pointer=f"{pointer}/{index}")
        for list_id in lists:
            if self.store.get_list(self.name, list_id) is None:
                return self.refuse(404, "not_found", "The list does not exist.")
        return Reply(202, {"data": self._job(self.jobs.create(profiles, lists), request)})

    def get_job(self, request: Request) -> Reply:
        """Return a job's status and counts."""
        job = self.jobs.get(request.args["job_id"])
        return Reply(200, {"data": self._job(job, request)}) if job else self._no_job()

    def get_job_errors(self, request: Request) -> Reply:
        """Return a page of the profiles that failed, each with a pointer to its row."""
        job = self.jobs.get(request.args["job_id"])
        if job is None:
            return self._no_job()
        errors = [
            {
                "type": "import-error",
                "id": error["id"],
                "attributes": {name: value for name, value in error.items() if name != "id"},
            }
            for error in job["result"]["errors"]
        ]
        return offset_page(request, errors)

    def get_job_profiles(self, request: Request) -> Reply:
        """Return a page of the profiles that a job wrote."""
        job = self.jobs.get(request.args["job_id"])
        if job is None:
            return self._no_job()
        return offset_page(request, job["result"]["profile_ids"], self.profiles.resource_of)

    def get_job_profile_ids(self, request: Request) -> Reply:
        """Return a page of the ids of the profiles that a job wrote."""
        job = self.jobs.get(request.args["job_id"])
        if job is None:
            return self._no_job()
        return offset_page(request, [{"type": "profile", "id": known} for known in job["result"]["profile_ids"]])

    def _job(self, job: dict[str, Any], request: Request) -> dict[str, Any]:
        result = job["result"]
        attributes = {
            "status": job["status"],
            "created_at": iso(job["created_at"]),
            "started_at": iso(job["started_at"]),
            "completed_at": iso(job["finished_at"]),
            "expires_at": iso(job["created_at"] + 7 * 86_400),
            "total_count": job["total"],
            "completed_count": len(result["profile_ids"]),
            "failed_count": job["total"] - len(result["profile_ids"]) if job["finished_at"] else 0,
        }
        link = f"{request.base_url}/api/profile-bulk-import-jobs/{job['id']}"
        return {"type": "profile-bulk-import-job", "id": job["id"], "attributes": attributes, "links": {"self": link}}

    def _no_job(self) -> Reply:
        return self.refuse(404, "not_found", "The job does not exist.")
