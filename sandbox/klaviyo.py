"""Klaviyo's API, revision 2026-07-15, as its published specification and its rate limit guide describe it."""

from __future__ import annotations

import json
import re
import time
from typing import Any
from urllib.parse import urlencode

from sandbox.api import Api, Reply, Request, Route
from sandbox.faults import Kind
from sandbox.klaviyo_jobs import Jobs
from sandbox.klaviyo_profiles import Profiles, job_error

MAX_BODY = 5 * 1024 * 1024
MAX_PROFILE = 100 * 1024
MAX_PROFILES = 10_000
MAX_LIST_IDS = 1_000
# burst per second and steady per minute, by the size that the guide gives each endpoint
LIMITS = {"XS": (1, 15), "S": (3, 60), "M": (10, 150), "L": (75, 750)}
FILTER = re.compile(r"^(any|equals)\((\w+),(.+)\)$", re.DOTALL)


class Klaviyo(Api):
    """One Klaviyo account."""

    name = "klaviyo"
    label = "Klaviyo"
    key = "pk_demo_weft"
    routes = (
        Route("GET", "/api/accounts", "get_accounts", "XS"),
        Route("GET", "/api/lists", "get_lists", "L"),
        Route("GET", "/api/lists/{list_id}", "get_list", "L"),
        Route("GET", "/api/lists/{list_id}/profiles", "get_list_profiles", "L"),
        Route("GET", "/api/lists/{list_id}/relationships/profiles", "get_list_profile_ids", "L"),
        Route("POST", "/api/lists/{list_id}/relationships/profiles", "add_to_list", "M"),
        Route("DELETE", "/api/lists/{list_id}/relationships/profiles", "remove_from_list", "M"),
        Route("POST", "/api/profile-bulk-import-jobs", "create_job", "M"),
        Route("GET", "/api/profile-bulk-import-jobs/{job_id}", "get_job", "M"),
        Route("GET", "/api/profile-bulk-import-jobs/{job_id}/import-errors", "get_job_errors", "M"),
        Route("GET", "/api/profile-bulk-import-jobs/{job_id}/profiles", "get_job_profiles", "M"),
        Route("GET", "/api/profile-bulk-import-jobs/{job_id}/relationships/profiles", "get_job_profile_ids", "M"),
        Route("POST", "/api/profile-import", "import_profile", "L"),
        Route("GET", "/api/profiles", "get_profiles", "L"),
        Route("GET", "/api/profiles/{profile_id}", "get_profile", "L"),
        Route("PATCH", "/api/profiles/{profile_id}", "patch_profile", "L"),
        Route("POST", "/api/profile-subscription-bulk-create-jobs", "subscribe", "L"),
        Route("POST", "/api/profile-subscription-bulk-delete-jobs", "unsubscribe", "L"),
        Route("POST", "/api/profile-suppression-bulk-create-jobs", "suppress", "L"),
        Route("POST", "/api/profile-suppression-bulk-delete-jobs", "unsuppress", "L"),
        Route("POST", "/api/data-privacy-deletion-jobs", "delete_person", "S"),
    )

    def __init__(self, *args: Any, job_seconds: float = 0.4, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.profiles = Profiles(self.store, self.faults)
        self.jobs = Jobs(self.store, self.faults, self.profiles, job_seconds)

    def prepare(self) -> None:
        """Create the demo account's list."""
        self.store.create_list(self.name, "WINBACK", "Win-back")

    def advance(self) -> None:
        """Start and finish import jobs."""
        self.jobs.advance()

    def authenticate(self, request: Request) -> Reply | None:
        """Ask for the private key and the revision header."""
        if request.headers.get("authorization", "") != f"Klaviyo-API-Key {self.key}":
            return self.refuse(401, "not_authenticated", "Missing or invalid private key.")
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}(\.\w+)?", request.headers.get("revision", "")):
            return self.refuse(400, "invalid", "The revision header is required, in the form YYYY-MM-DD[.suffix].")
        return None

    def refuse(self, status: int, code: str, message: str, **details: Any) -> Reply:
        """Return a JSON:API error document."""
        error = {"status": status, **job_error(code, message, str(details.get("pointer", "/data"))), "links": {}}
        return Reply(status, {"errors": [error]})

    def throttled(self, seconds: float) -> Reply:
        """Answer a call over the limit: Retry-After, and no other header."""
        # no RateLimit-* headers on a 429, says the guide: only Retry-After
        reply = self.refuse(429, "throttled", "Request was throttled.")
        reply.headers["Retry-After"] = str(max(int(seconds + 0.999), 1))
        return reply

    def limits(self, name: str) -> tuple[tuple[float, float], ...]:
        """Return the burst window of a second and the steady window of a minute."""
        burst, steady = LIMITS[name]
        return ((1.0, burst * self.limit_scale), (60.0, steady * self.limit_scale))

    def limit_headers(self, name: str, remaining: int, reset: int) -> dict[str, str]:
        """Return the state of the steady window."""
        steady = int(LIMITS[name][1] * self.limit_scale)
        return {"RateLimit-Limit": str(steady), "RateLimit-Remaining": str(remaining), "RateLimit-Reset": str(reset)}

    # lists

    def get_accounts(self, request: Request) -> Reply:
        """Name the account."""
        attributes = {"test_account": True, "contact_information": {"organization_name": "weft sandbox"}}
        return Reply(200, {"data": [{"type": "account", "id": "WEFT01", "attributes": attributes}]})

    def get_lists(self, request: Request) -> Reply:
        """Return all lists."""
        rows = self.store.query("select * from lists where account = ? order by id", self.name)
        return Reply(200, {"data": [self._list(row) for row in rows], "links": {"next": None}})

    def get_list(self, request: Request) -> Reply:
        """Return one list."""
        row = self.store.get_list(self.name, request.args["list_id"])
        if row is None:
            return self._no_list()
        found = self._list(row)
        if "profile_count" in request.query.get("additional-fields[list]", ""):
            found["attributes"]["profile_count"] = self.store.count_members(self.name, row["id"])
        return Reply(200, {"data": found})

    def get_list_profiles(self, request: Request) -> Reply:
        """Return a page of a list's profiles."""
        return self._list_page(request, whole=True)

    def get_list_profile_ids(self, request: Request) -> Reply:
        """Return a page of the ids of a list's profiles."""
        return self._list_page(request, whole=False)

    def add_to_list(self, request: Request) -> Reply:
        """Add at most 1,000 profiles by id; what happens for an unknown id is not documented, here it is 404."""
        list_id = request.args["list_id"]
        if self.store.get_list(self.name, list_id) is None:
            return self._no_list()
        ids = self._ids(request)
        if isinstance(ids, Reply):
            return ids
        for index, profile_id in enumerate(ids):
            if self.store.find_record(self.name, record_id=profile_id) is None:
                return self.refuse(404, "not_found", "A profile does not exist.", pointer=f"/data/{index}/id")
        self.store.add_members(self.name, list_id, [(profile_id, None) for profile_id in ids])
        return Reply(204)

    def remove_from_list(self, request: Request) -> Reply:
        """Remove at most 1,000 profiles by id; ids that are not in the list do no harm."""
        # consent and subscriptions stay as they are: that is the whole point of this endpoint
        list_id = request.args["list_id"]
        if self.store.get_list(self.name, list_id) is None:
            return self._no_list()
        ids = self._ids(request)
        if isinstance(ids, Reply):
            return ids
        self.store.remove_members(self.name, list_id, ids)
        return Reply(204)

    # bulk imports

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
                return self._no_list()
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
            {"type": "import-error", "id": f"{job['id']}-{index}", "attributes": error}
            for index, error in enumerate(job["result"]["errors"])
        ]
        return self._offset_page(request, errors)

    def get_job_profiles(self, request: Request) -> Reply:
        """Return a page of the profiles that a job wrote."""
        job = self.jobs.get(request.args["job_id"])
        if job is None:
            return self._no_job()
        return self._offset_page(request, job["result"]["profile_ids"], self.profiles.resource_of)

    def get_job_profile_ids(self, request: Request) -> Reply:
        """Return a page of the ids of the profiles that a job wrote."""
        job = self.jobs.get(request.args["job_id"])
        if job is None:
            return self._no_job()
        return self._offset_page(request, [{"type": "profile", "id": known} for known in job["result"]["profile_ids"]])

    # single profiles

    def import_profile(self, request: Request) -> Reply:
        """Create or update one profile at once."""
        request.rows = 1
        if request.size > MAX_PROFILE:
            return self.refuse(413, "payload_too_large", "The payload is larger than 100KB.")
        profile = (request.body or {}).get("data") or {}
        problem = self.profiles.malformed(profile)
        if problem:
            return self.refuse(400, "invalid", problem)
        error = self.profiles.invalid(profile, "/data")
        if error:
            return self.refuse(400, error["code"], error["detail"], pointer=error["source"]["pointer"])
        profile_id, created = self.profiles.upsert(profile)
        return Reply(201 if created else 200, {"data": self.profiles.resource_of(profile_id)})

    def patch_profile(self, request: Request) -> Reply:
        """Update one profile by id."""
        request.rows = 1
        if self.store.find_record(self.name, record_id=request.args["profile_id"]) is None:
            return self.refuse(404, "not_found", "The profile does not exist.")
        profile = (request.body or {}).get("data") or {}
        if profile.get("id") != request.args["profile_id"] or profile.get("type") != "profile":
            return self.refuse(400, "invalid", "The id in the body is not the one in the path.", pointer="/data/id")
        error = self.profiles.invalid(profile, "/data")
        if error:
            return self.refuse(400, error["code"], error["detail"], pointer=error["source"]["pointer"])
        profile_id, _ = self.profiles.upsert(profile)
        return Reply(200, {"data": self.profiles.resource_of(profile_id)})

    def get_profile(self, request: Request) -> Reply:
        """Return one profile."""
        found = self.profiles.resource_of(request.args["profile_id"])
        return Reply(200, {"data": found}) if found else self.refuse(404, "not_found", "The profile does not exist.")

    def get_profiles(self, request: Request) -> Reply:
        """Return a page of profiles, filtered by any() or equals() of an identifier."""
        size, cursor = self._page(request)
        text = request.query.get("filter", "")
        if not text:
            rows = self.store.records(self.name, after=cursor, limit=size + 1)
            return self._keyset_page(request, [self.profiles.resource(row) for row in rows], size)
        found = FILTER.match(text)
        try:
            if found is None or found[2] not in ("id", "email", "phone_number", "external_id"):
                raise ValueError(text)
            # the filter language quotes with either kind of quotation mark
            wanted = json.loads(found[3] if "'" not in found[3] else found[3].replace("'", '"'))
        except ValueError:
            return self.refuse(400, "invalid", "Invalid filter.", pointer="/data")
        values = wanted if isinstance(wanted, list) else [wanted]
        rows = [row for value in values if (row := self.profiles.find(found[2], str(value))) is not None]
        unique = sorted({row["id"]: row for row in rows}.values(), key=lambda row: str(row["id"]))
        later = [self.profiles.resource(row) for row in unique if row["id"] > cursor][: size + 1]
        return self._keyset_page(request, later, size)

    # calls that do harm when they are mistaken for list changes

    def subscribe(self, request: Request) -> Reply:
        """Subscribe to marketing: lifts every suppression."""
        return self._subscriptions(request, self.profiles.subscribe, 1_000)

    def unsubscribe(self, request: Request) -> Reply:
        """Unsubscribe: from everything, for profiles that are not in the list."""
        return self._subscriptions(request, self.profiles.unsubscribe, 100)

    def suppress(self, request: Request) -> Reply:
        """Suppress addresses."""
        return self._subscriptions(request, self.profiles.suppress, 100)

    def unsuppress(self, request: Request) -> Reply:
        """Lift suppressions."""
        return self._subscriptions(request, self.profiles.unsuppress, 100)

    def delete_person(self, request: Request) -> Reply:
        """Erase a person."""
        request.rows = 1
        profile = request.body["data"]["attributes"]["profile"]["data"]
        found = self.profiles.known(profile)
        if found:
            self.store.delete_record(self.name, found["id"])
        return Reply(202)

    def _subscriptions(self, request: Request, change: Any, most: int) -> Reply:
        profiles = request.body["data"]["attributes"]["profiles"]["data"]
        request.rows = len(profiles)
        if len(profiles) > most:
            return self.refuse(400, "invalid", f"At most {most} profiles are allowed.")
        related = request.body["data"].get("relationships", {}).get("list", {}).get("data") or {}
        change(profiles, related.get("id"))
        return Reply(202, {"data": {"type": request.body["data"]["type"], "id": "job"}})

    # shapes

    def _ids(self, request: Request) -> list[str] | Reply:
        data = (request.body or {}).get("data")
        if not isinstance(data, list) or any(item.get("type") != "profile" or "id" not in item for item in data):
            return self.refuse(400, "invalid", "A list of profile ids is required.")
        request.rows = len(data)
        if len(data) > MAX_LIST_IDS:
            return self.refuse(400, "invalid", f"At most {MAX_LIST_IDS} profiles are allowed.")
        refused = self.faults.take(self.name, Kind.REFUSE_ROWS, text=json.dumps(data)) if data else None
        if refused:
            return self.refuse(400, "invalid", "A profile was refused.")
        return [str(item["id"]) for item in data]

    def _list(self, row: dict[str, Any]) -> dict[str, Any]:
        stamp = iso(row["created_at"])
        attributes = {"name": row["name"], "created": stamp, "updated": stamp, "opt_in_process": "single_opt_in"}
        return {"type": "list", "id": row["id"], "attributes": attributes, "links": {}}

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

    def _list_page(self, request: Request, *, whole: bool) -> Reply:
        list_id = request.args["list_id"]
        if self.store.get_list(self.name, list_id) is None:
            return self._no_list()
        size, cursor = self._page(request)
        rows = self.store.members(self.name, list_id, after=cursor, limit=size + 1)
        if whole:
            items = [self.profiles.resource({"id": row["member_id"], **row}) for row in rows]
        else:
            items = [{"type": "profile", "id": row["member_id"]} for row in rows]
        return self._keyset_page(request, items, size)

    @staticmethod
    def _page(request: Request) -> tuple[int, str]:
        size = request.query.get("page[size]", "20")
        return min(max(int(size) if size.isdigit() else 20, 1), 100), request.query.get("page[cursor]", "")

    def _keyset_page(self, request: Request, items: list[dict[str, Any]], size: int) -> Reply:
        more = items[size - 1]["id"] if len(items) > size else None
        return Reply(200, {"data": items[:size], "links": {"self": None, "next": next_link(request, more)}})

    def _offset_page(self, request: Request, items: list[Any], shape: Any = None) -> Reply:
        size, cursor = self._page(request)
        start = int(cursor) if cursor.isdigit() else 0
        page = items[start : start + size]
        more = str(start + size) if start + size < len(items) else None
        data = [shape(item) for item in page] if shape else page
        return Reply(200, {"data": data, "links": {"self": None, "next": next_link(request, more)}})

    def _no_list(self) -> Reply:
        return self.refuse(404, "not_found", "The list does not exist.")

    def _no_job(self) -> Reply:
        return self.refuse(404, "not_found", "The job does not exist.")


def next_link(request: Request, cursor: str | None) -> str | None:
    """Return the address of the next page."""
    if cursor is None:
        return None
    return f"{request.base_url}{request.path}?{urlencode({**request.query, 'page[cursor]': cursor})}"


def iso(seconds: float | None) -> str | None:
    """Return a timestamp as the API writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(seconds)) if seconds is not None else None
