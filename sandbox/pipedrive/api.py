"""Pipedrive's API, version 2, for persons, as its reference and its page on rate limiting describe it."""

from __future__ import annotations

import time
from typing import Any

from sandbox.api import Api, Reply, Request, Route
from sandbox.oauth import TokenOffice
from sandbox.pipedrive.persons import LIST, Persons, fields

PER_WINDOW = 20  #: calls in two seconds, of the smallest plan with an API token
SEARCHES_PER_WINDOW = 10
TOKENS_A_DAY = 30_000 * 20  #: of the smallest plan, with twenty seats
#: What a call costs of them, by the limit that it falls under.
COSTS = {"get": 1, "list": 10, "write": 5, "delete": 3, "search": 20}
DAY = 86_400
ISSUING = "/oauth/token"  #: at a host of its own, at Pipedrive
MAX_PAGE = 500


class Pipedrive(Api):
    """One Pipedrive company on the smallest plan."""

    name = "pipedrive"
    label = "Pipedrive"
    key = "d3m0weft0000000000000000000000000000c0de"
    routes = (
        Route("POST", ISSUING, "give_token", "token"),
        Route("GET", "/api/v2/personFields", "get_fields", "list"),
        Route("GET", "/api/v2/persons", "get_persons", "list"),
        Route("POST", "/api/v2/persons", "create_person", "write"),
        Route("GET", "/api/v2/persons/search", "search", "search"),
        Route("GET", "/api/v2/persons/{person_id}", "get_person", "get"),
        Route("PATCH", "/api/v2/persons/{person_id}", "update_person", "write"),
        Route("DELETE", "/api/v2/persons/{person_id}", "delete_person", "delete"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.persons = Persons(self.store, self.faults)
        self.office = TokenOffice("weft-demo-app", "weft-demo-secret", "weft-demo-refresh", lifetime=3_600)
        self._spent: tuple[int, int] = (0, 0)

    def prepare(self) -> None:
        """Create the one list: the persons that carry a weft field."""
        self.store.create_list(self.name, LIST, "Persons with weft fields")

    def environment(self, url: str) -> dict[str, str]:
        """Return the variables that point a connections.yml at this company."""
        return {"PIPEDRIVE_URL": url, "PIPEDRIVE_API_TOKEN": self.key}

    def authenticate(self, request: Request) -> Reply | None:
        """Ask for the API token, in the header or in the query, or for an access token."""
        if request.path == ISSUING:
            return None
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        by_app = scheme == "Bearer" and self.office.holds(token)
        if not by_app and self.key not in (request.headers.get("x-api-token"), request.query.get("api_token")):
            return self.refuse(401, "unauthorized", "unauthorized access")
        if request.body is not None and "json" not in request.headers.get("content-type", ""):
            return self.refuse(415, "unsupported_media_type", "The Content-Type must be application/json.")
        return None

    def refuse(self, status: int, code: str, message: str, **details: Any) -> Reply:
        """Return an error: a message, and hardly ever a code."""
        told = {"success": False, "error": message, "error_info": "Please check developers.pipedrive.com"}
        return Reply(status, {**told, "data": None, "additional_data": None})

    def throttled(self, seconds: float) -> Reply:
        """Answer a call over the limit."""
        reply = self.refuse(429, "", "Request over limit")
        reply.headers = self.limit_headers("get", 0, max(int(seconds + 0.999), 1))
        return reply

    def limits(self, name: str) -> tuple[tuple[float, float], ...]:
        """Return the window of two seconds, which is smaller for searches."""
        return ((2.0, (SEARCHES_PER_WINDOW if name == "search" else PER_WINDOW) * self.limit_scale),)

    def limit_headers(self, name: str, remaining: int, reset: int) -> dict[str, str]:
        """Return the state of the window, and of the day."""
        return {
            "x-ratelimit-limit": str(int(self.limits(name)[0][1])),
            "x-ratelimit-remaining": str(remaining),
            "x-ratelimit-reset": str(reset),
            "x-daily-ratelimit-token-remaining": str(max(self._budget() - self._spent_today(), 0)),
        }

    def handle(self, request: Request, route: Route | None) -> Reply:
        """Answer one request, within the tokens of the day."""
        cost = COSTS.get(route.limit, 0) if route else 0
        if self.authenticate(request) is None and self._spent_today() + cost > self._budget():
            self._spent = (self._day(), self._budget())
            return self.throttled(DAY - time.time() % DAY)
        self._spent = (self._day(), self._spent_today() + cost)
        return super().handle(request, route)

    def _budget(self) -> int:
        return int(TOKENS_A_DAY * self.limit_scale)

    def _spent_today(self) -> int:
        return self._spent[1] if self._spent[0] == self._day() else 0

    @staticmethod
    def _day() -> int:
        return int(time.time() // DAY)

    def give_token(self, request: Request) -> Reply:
        """Exchange the demo app's refresh token for an access token of an hour."""
        return self.office.give(request)

    # persons

    def get_fields(self, request: Request) -> Reply:
        """Return a page of the fields of persons."""
        return self._page(request, fields())

    def get_persons(self, request: Request) -> Reply:
        """Return a page of persons."""
        return self._page(request, [self.persons.shown(row) for row in self.store.records(self.name)])

    def get_person(self, request: Request) -> Reply:
        """Return one person."""
        row = self._known(request)
        return self._done(self.persons.shown(row)) if row else self._nobody()

    def create_person(self, request: Request) -> Reply:
        """Make one person, whether or not there are some with the same address."""
        request.rows = 1
        problem = self.persons.problem(request.body, new=True)
        if problem:
            return self.refuse(400, "", problem)
        person_id = str(self.store.next_number("pipedrive", 100_001))
        return self._done(self.persons.save(person_id, request.body, None), 201)

    def update_person(self, request: Request) -> Reply:
        """Write to one person."""
        request.rows = 1
        row = self._known(request)
        if row is None:
            return self._nobody()
        problem = self.persons.problem(request.body, new=False)
        if problem:
            return self.refuse(400, "", problem)
        return self._done(self.persons.save(row["id"], request.body, row))

    def delete_person(self, request: Request) -> Reply:
        """Delete one person."""
        # the harm: after thirty days nobody brings it back
        row = self._known(request)
        if row is None:
            return self._nobody()
        self.store.delete_record(self.name, row["id"])
        return self._done({"id": int(row["id"])})

    def search(self, request: Request) -> Reply:
        """Return the persons whose address, or name, is or holds a term."""
        term = request.query.get("term", "")
        exact = request.query.get("exact_match") in ("true", "1")
        if len(term) < (1 if exact else 2):
            return self.refuse(400, "", "The term must have at least 2 characters, or 1 with exact_match.")
        names = set(request.query.get("fields", "email,name").split(","))
        if exact and names == {"email"}:
            rows = self.persons.find(term)
        else:
            rows = [row for row in self.store.records(self.name) if _matches(row["data"], term.lower(), names, exact)]
        items = [{"result_score": 0.5, "item": self._found(row)} for row in rows]
        limit = min(int(request.query.get("limit", "100")), MAX_PAGE)
        return Reply(200, {"success": True, "data": {"items": items[:limit]}, "additional_data": {"next_cursor": None}})

    def _found(self, row: dict[str, Any]) -> dict[str, Any]:
        shown = self.persons.shown(row)
        emails = [one["value"] for one in shown["emails"]]
        return {
            "id": shown["id"],
            "type": "person",
            "name": shown["name"],
            "phones": [one["value"] for one in shown["phones"]],
            "emails": emails,
            "primary_email": emails[0] if emails else None,
            "visible_to": shown["visible_to"],
            "owner": {"id": shown["owner_id"]},
            "organization": None,
            "custom_fields": [],
            "notes": [],
            "update_time": shown["update_time"],
        }

    def _known(self, request: Request) -> dict[str, Any] | None:
        return self.store.find_record(self.name, record_id=request.args["person_id"])

    def _nobody(self) -> Reply:
        return self.refuse(404, "", "Person not found")

    @staticmethod
    def _done(data: Any, status: int = 200) -> Reply:
        return Reply(status, {"success": True, "data": data})

    @staticmethod
    def _page(request: Request, items: list[dict[str, Any]]) -> Reply:
        limit, cursor = int(request.query.get("limit", "100")), request.query.get("cursor", "")
        start = int(cursor) if cursor.isdigit() else 0
        end = start + min(limit, MAX_PAGE)
        following = str(end) if end < len(items) else None
        body = {"success": True, "data": items[start:end], "additional_data": {"next_cursor": following}}
        return Reply(200, body)


def _matches(data: dict[str, Any], term: str, names: set[str], exact: bool) -> bool:
    texts = [str(data.get("name", ""))] if "name" in names else []
    texts += [str(one["value"]) for one in data["emails"]] if "email" in names else []
    return any(text.lower() == term if exact else term in text.lower() for text in texts)
