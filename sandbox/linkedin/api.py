"""LinkedIn's DMP segments: users are streamed into them, and out of them again."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

from sandbox.api import Api, Reply, Request, Route
from sandbox.faults import Kind

MAX_ELEMENTS = 5_000
OAUTH = "/oauth/v2/accessToken"
OLDEST, NEWEST = "202512", "202611"
READY_AFTER = 5.0  #: seconds that a new segment takes before users can be added
CLIENT = {"client_id": "weft", "client_secret": "demo-secret", "refresh_token": "demo-refresh"}

FIELDS = {"action", "userIds", "firstName", "lastName", "title", "company", "country"}
IDS = {
    "SHA256_EMAIL": re.compile(r"[0-9a-f]{64}"),
    "SHA512_EMAIL": re.compile(r"[0-9a-f]{128}"),
    "GOOGLE_AID": re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
}
_COUNTRY = re.compile(r"[A-Za-z]{2}")
_CODES = {400: "ILLEGAL_ARGUMENT", 401: "INVALID_ACCESS_TOKEN", 403: "ACCESS_DENIED", 404: "NOT_FOUND"}


class LinkedIn(Api):
    """One member's ad account, with one segment of users, one of companies and one that has expired."""

    name = "linkedin"
    label = "LinkedIn"
    key = "demo-linkedin-token"
    segment = "10804"
    companies = "10805"
    expired = "10806"
    routes = (
        Route("POST", OAUTH, "give_token", "token"),
        Route("GET", "/rest/dmpSegments/{segment_id}", "get_segment", "segments"),
        Route("POST", "/rest/dmpSegments", "create_segment", "segments"),
        Route("POST", "/rest/dmpSegments/{segment_id}/users", "stream_users", "users"),
    )

    def prepare(self) -> None:
        """Create the demo account's segments, long ago."""
        for segment_id, name in ((self.segment, "Lapsing customers"), (self.companies, "Key accounts")):
            self.store.create_list(self.name, segment_id, name)
        self.store.create_list(self.name, self.expired, "Summer of the year before last")
        self.store.execute(
            "update lists set created_at = created_at - 86400 where account = ? and id in (?, ?, ?)",
            self.name,
            *(self.segment, self.companies, self.expired),
        )

    def environment(self, url: str) -> dict[str, str]:
        """Return the variables that point a connections.yml at this account."""
        return {"LINKEDIN_URL": url, "LINKEDIN_ACCESS_TOKEN": self.key}

    def authenticate(self, request: Request) -> Reply | None:
        """Ask for a token, except where tokens are given out, and then for a version that is answered."""
        if request.path == OAUTH:
            return None
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return self._error(401, "Invalid access token", 65_600)
        version = request.headers.get("linkedin-version")
        if version is None:
            return self._error(
                400, "A version must be present. Please specify a version by adding it to the header.", 0
            )
        if not OLDEST <= version <= NEWEST:
            return self._error(426, f"Requested version {version} is not active", 0, "NONEXISTENT_VERSION")
        return None

    def refuse(self, status: int, code: str, message: str, **details: Any) -> Reply:
        """Return an error in LinkedIn's form."""
        return self._error(status, message, int(details.get("number", 100)))

    def throttled(self, seconds: float) -> Reply:
        """Answer a call over the limit."""
        return self._error(429, "Resource level throttle limit for calls to this resource is reached.", 101, "TOO_MANY")

    def limits(self, name: str) -> tuple[tuple[float, float], ...]:
        """Return 600 calls a minute for a member."""
        return ((60.0, 600 * self.limit_scale),)

    def limit_headers(self, name: str, remaining: int, reset: int) -> dict[str, str]:
        """LinkedIn tells nothing of what is left."""
        return {}

    # endpoints

    def give_token(self, request: Request) -> Reply:
        """Give an access token for a refresh token, which stays the same."""
        form = request.body if isinstance(request.body, dict) else {}
        if form.get("grant_type") != "refresh_token":
            return Reply(400, {"error": "invalid_request", "error_description": "Unsupported grant_type"})
        wrong = [name for name, value in CLIENT.items() if form.get(name) != value]
        if wrong:
            error = "invalid_grant" if wrong == ["refresh_token"] else "invalid_client"
            return Reply(400 if error == "invalid_grant" else 401, {"error": error, "error_description": "Not valid"})
        token = {"access_token": self.key, "expires_in": 5_184_000, "scope": "rw_dmp_segments"}
        return Reply(200, {**token, "refresh_token": form["refresh_token"], "refresh_token_expires_in": 31_536_000})

    def get_segment(self, request: Request) -> Reply:
        """Return a segment, and how far LinkedIn is with the audience made of it."""
        row = self.store.get_list(self.name, request.args["segment_id"])
        if row is None:
            return self._error(404, "Not found", 0)
        created = int(row["created_at"] * 1_000)
        state = {"destination": "LINKEDIN", "destinationSegmentId": f"urn:li:adSegment:{row['id']}", "created": created}
        count = self.store.count_members(self.name, row["id"])
        status = "EXPIRED" if row["id"] == self.expired else "READY" if count else "BUILDING"
        segment = {
            "id": int(row["id"]),
            "name": row["name"],
            "type": "COMPANY" if row["id"] == self.companies else "USER",
            "account": "urn:li:sponsoredAccount:516848833",
            "accessPolicy": "PRIVATE",
            "sourcePlatform": "WEFT",
            "created": created,
            "lastModified": created,
            "destinations": [{**state, "lastModified": created, "status": status}],
        }
        return Reply(200, segment | ({"inputCount": count} if count else {}))

    def create_segment(self, request: Request) -> Reply:
        """Create a segment of users; its id comes in a header."""
        body = request.body if isinstance(request.body, dict) else {}
        missing = next(
            (name for name in ("name", "account", "type", "sourcePlatform", "destinations") if name not in body), ""
        )
        if missing or body.get("type") != "USER":
            return self._error(400, f"{missing or 'type'} is not valid", 0)
        segment_id = str(self.store.next_number("linkedin segments", 20_000))
        self.store.create_list(self.name, segment_id, str(body["name"]))
        return Reply(201, None, {"X-RestLi-Id": segment_id})

    def stream_users(self, request: Request) -> Reply:
        """Add or remove at most 5,000 users, and say of each what became of it, in order."""
        segment_id = request.args["segment_id"]
        row = self.store.get_list(self.name, segment_id)
        if row is None or row["created_at"] > time.time() - READY_AFTER:
            return self._error(404, "Could not find entity", 0)
        if segment_id == self.companies:
            return self._error(400, "Users cannot be added to a segment of companies.", 0)
        if request.headers.get("x-restli-method", "").upper() != "BATCH_CREATE":
            return self._error(400, "Create is expected to have one user; for more, use X-RestLi-Method.", 0)
        elements = request.body.get("elements") if isinstance(request.body, dict) else None
        if not isinstance(elements, list) or not all(isinstance(one, dict) for one in elements):
            return self._error(400, "elements is required", 0)
        request.rows = len(elements)
        if len(elements) > MAX_ELEMENTS:
            return self._error(400, f"At most {MAX_ELEMENTS} elements are allowed", 0)
        unknown = sorted({name for one in elements for name in one if name not in FIELDS})
        if unknown:
            message = "Unpermitted fields present in REQUEST_BODY: Data Processing Exception while processing fields"
            return self._error(403, f"{message} [/elements/{unknown[0]}]", 100)
        return Reply(200, {"elements": self._apply(request, segment_id, elements)})

    def _apply(self, request: Request, segment_id: str, elements: list[dict[str, Any]]) -> list[dict[str, Any]]:
        added: dict[str, dict[str, Any] | None] = {}
        removed: list[dict[str, str]] = []
        told: list[dict[str, Any]] = []
        refusing = any(fault["kind"] == Kind.REFUSE_ROWS for fault in self.faults.list())
        for element in elements:
            problem = _problem(element)
            if refusing and self.faults.take(self.name, Kind.REFUSE_ROWS, text=json.dumps(element)):
                problem = "refused"
            if problem:
                error = {"message": problem, "status": 400, "serviceErrorCode": 0}
                told.append({"status": 400, "error": error})
                continue
            data = flat(element)
            told.append({"status": 201})
            if element["action"] == "ADD":
                added[_name(data)] = data
            else:
                removed.append(data)
        self.store.add_members(self.name, segment_id, added.items())
        if removed:
            self.store.remove_members(self.name, segment_id, self._known(segment_id, removed))
        refused = sum(one["status"] >= 300 for one in told)
        if refused:
            self.store.note_refusal(self.name, request.template, "400", "elements of a batch", refused)
        return told

    def _known(self, segment_id: str, people: list[dict[str, str]]) -> list[str]:
        """Return the members that a removal names: by any id, else by what they were added with."""
        named = {_name(person): person for person in people}
        found = set(self.store.find_members(self.name, segment_id, named))
        others = {pair for key in named.keys() - found for pair in named[key].items() if pair[0] in IDS}
        if others:
            rows = self.store.members(self.name, segment_id)
            found |= {row["member_id"] for row in rows if not others.isdisjoint(row["data"].items())}
        return sorted(found)

    @staticmethod
    def _error(status: int, message: str, number: int, code: str | None = None) -> Reply:
        named = code or _CODES.get(status, "INTERNAL_SERVER_ERROR")
        return Reply(status, {"status": status, "serviceErrorCode": number, "code": named, "message": message})


def flat(element: Mapping[str, Any]) -> dict[str, str]:
    """Return an element as the page shows a member."""
    ids = {one["idType"]: one["idValue"] for one in element.get("userIds", [])}
    return ids | {name: str(value) for name, value in element.items() if name not in ("action", "userIds")}


def _name(data: Mapping[str, str]) -> str:
    named = next((f"{kind}:{data[kind]}" for kind in IDS if kind in data), None)
    return named or uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(data, sort_keys=True)).hex


def _problem(element: Mapping[str, Any]) -> str | None:
    """Return what LinkedIn refuses an element for."""
    if element.get("action") not in ("ADD", "REMOVE"):
        return "action is neither ADD nor REMOVE"
    ids = element.get("userIds", [])
    if not isinstance(ids, list) or not all(isinstance(one, dict) and set(one) == {"idType", "idValue"} for one in ids):
        return "userIds is not a list of idType and idValue"
    for one in ids:
        form = IDS.get(one["idType"])
        if form is None or not isinstance(one["idValue"], str) or not form.fullmatch(one["idValue"]):
            return f"userIds: {one['idType']} is not valid"
    texts = {name: value for name, value in element.items() if name not in ("action", "userIds")}
    if not all(isinstance(value, str) for value in texts.values()):
        return "a field is not text"
    if not ids and not (texts.get("firstName") and texts.get("lastName")):
        return "neither an id nor a first and last name"
    return "country is not valid" if "country" in texts and not _COUNTRY.fullmatch(texts["country"]) else None
