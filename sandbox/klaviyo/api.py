"""Klaviyo's API, revision 2026-07-15, as its published specification and its rate limit guide describe it."""

from __future__ import annotations

import json
import re
from typing import Any

from sandbox.api import Reply, Request, Route
from sandbox.faults import Kind
from sandbox.klaviyo.consent import ConsentEndpoints
from sandbox.klaviyo.events import EVENTS, EventEndpoints
from sandbox.klaviyo.imports import MAX_PROFILE, ImportEndpoints
from sandbox.klaviyo.jobs import Jobs
from sandbox.klaviyo.pages import iso, keyset_page, page_of, sparse
from sandbox.klaviyo.profiles import Profiles, job_error

MAX_LIST_IDS = 1_000
# burst per second and steady per minute, by the size that the guide gives each endpoint
LIMITS = {"XS": (1, 15), "S": (3, 60), "M": (10, 150), "L": (75, 750), "XL": (350, 3_500)}
FILTER = re.compile(r"^(any|equals)\((\w+),(.+)\)$", re.DOTALL)


class Klaviyo(ImportEndpoints, ConsentEndpoints, EventEndpoints):
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
        Route("POST", "/api/profile-import", "import_profile", "L"),
        Route("GET", "/api/profiles", "get_profiles", "L"),
        Route("GET", "/api/profiles/{profile_id}", "get_profile", "L"),
        Route("PATCH", "/api/profiles/{profile_id}", "patch_profile", "L"),
        Route("POST", "/api/profile-merge", "merge_profiles", "M"),
        *ImportEndpoints.import_routes,
        *ConsentEndpoints.consent_routes,
        *EventEndpoints.event_routes,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.profiles = Profiles(self.store, self.faults)
        self.jobs = Jobs(self.store, self.faults, self.profiles, self.job_seconds)

    def prepare(self) -> None:
        """Create the demo account's lists, and what shows its events as one."""
        self.store.create_list(self.name, "WINBACK", "Win-back")
        self.store.create_list(self.name, "REGULARS", "Store regulars")
        self.store.create_list(self.name, EVENTS, "Events")

    def advance(self) -> None:
        """Start and finish import jobs."""
        self.jobs.advance()

    def release(self) -> None:
        """Let stuck jobs go on."""
        self.jobs.release()

    def authenticate(self, request: Request) -> Reply | None:
        """Ask for the private key and the revision header."""
        if request.headers.get("authorization", "") != f"Klaviyo-API-Key {self.key}":
            return self.refuse(401, "not_authenticated", "Missing or invalid private key.")
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}(\.\w+)?", request.headers.get("revision", "")):
            return self.refuse(400, "invalid", "The revision header is required, in the form YYYY-MM-DD[.suffix].")
        return None

    def refuse(self, status: int, code: str, message: str, **details: Any) -> Reply:
        """Return a JSON:API error document."""
        return Reply(status, {"errors": [job_error(code, message, str(details.get("pointer", "/data")))]})

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

    def limit_of(self, request: Request, route: Route) -> str:
        """Return the limit of a route; a list's count costs more than the list."""
        return "XS" if "profile_count" in request.query.get("additional-fields[list]", "") else route.limit

    # lists

    def get_accounts(self, request: Request) -> Reply:
        """Name the account."""
        attributes = {"test_account": True, "contact_information": {"organization_name": "weft sandbox"}}
        return Reply(200, {"data": [{"type": "account", "id": "WEFT01", "attributes": attributes}]})

    def get_lists(self, request: Request) -> Reply:
        """Return all lists."""
        size, cursor = page_of(request)
        sql = "select * from lists where account = ? and id <> ? and id > ? order by id limit ?"
        rows = self.store.query(sql, self.name, EVENTS, cursor, size + 1)
        return keyset_page(request, [self._list(row, request) for row in rows], size)

    def get_list(self, request: Request) -> Reply:
        """Return one list."""
        row = self._known(request.args["list_id"])
        if row is None:
            return self._no_list()
        found = self._list(row, request)
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
        if self._known(list_id) is None:
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
        if self._known(list_id) is None:
            return self._no_list()
        ids = self._ids(request)
        if isinstance(ids, Reply):
            return ids
        self.store.remove_members(self.name, list_id, ids)
        return Reply(204)

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

    def merge_profiles(self, request: Request) -> Reply:
        """Queue the merge of one source into another profile; what an unknown id gets is not documented, here 404."""
        # the harm: the source is deleted, and no call brings it back
        request.rows = 1
        data = request.body["data"]
        sources = [str(item["id"]) for item in data["relationships"]["profiles"]["data"]]
        if data["type"] != "profile-merge" or len(sources) != 1 or sources[0] == str(data["id"]):
            return self.refuse(400, "invalid", "One source profile is required, and it must be another one.")
        if any(self.store.find_record(self.name, record_id=known) is None for known in (str(data["id"]), *sources)):
            return self.refuse(404, "not_found", "A profile does not exist.")
        self.jobs.create_merge(str(data["id"]), sources[0])
        links = {"self": f"{request.base_url}/api/profiles/{data['id']}"}
        return Reply(201, {"data": {"type": "profile", "id": str(data["id"]), "links": links}})

    def get_profile(self, request: Request) -> Reply:
        """Return one profile."""
        found = self.profiles.resource_of(request.args["profile_id"])
        return Reply(200, {"data": found}) if found else self.refuse(404, "not_found", "The profile does not exist.")

    def get_profiles(self, request: Request) -> Reply:
        """Return a page of profiles, filtered by any() or equals() of an identifier."""
        size, cursor = page_of(request)
        text = request.query.get("filter", "")
        if not text:
            rows = self.store.records(self.name, after=cursor, limit=size + 1)
            return keyset_page(request, [self.profiles.resource(row) for row in rows], size)
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
        later = [sparse(request, self.profiles.resource(row)) for row in unique if row["id"] > cursor][: size + 1]
        return keyset_page(request, later, size)

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

    def _list(self, row: dict[str, Any], request: Request) -> dict[str, Any]:
        stamp = iso(row["created_at"])
        attributes = {"name": row["name"], "created": stamp, "updated": stamp, "opt_in_process": "single_opt_in"}
        links = {"self": f"{request.base_url}/api/lists/{row['id']}"}
        return {"type": "list", "id": row["id"], "attributes": attributes, "links": links}

    def _list_page(self, request: Request, *, whole: bool) -> Reply:
        list_id = request.args["list_id"]
        if self._known(list_id) is None:
            return self._no_list()
        size, cursor = page_of(request)
        rows = self.store.members(self.name, list_id, after=cursor, limit=size + 1)
        if whole:
            items = [sparse(request, self._member(row)) for row in rows]
        else:
            items = [{"type": "profile", "id": row["member_id"]} for row in rows]
        return keyset_page(request, items, size)

    def _member(self, row: dict[str, Any]) -> dict[str, Any]:
        shown = self.profiles.resource({"id": row["member_id"], **row})
        shown["attributes"]["joined_group_at"] = iso(row["added_at"])
        return shown

    def _known(self, list_id: str) -> dict[str, Any] | None:
        return None if list_id == EVENTS else self.store.get_list(self.name, list_id)

    def _no_list(self) -> Reply:
        return self.refuse(404, "not_found", "The list does not exist.")
