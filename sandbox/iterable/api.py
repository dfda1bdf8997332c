"""Iterable's API: profiles, lists, events and the erasure of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.api import Reply, Request, Route
from sandbox.iterable.people import COLUMNS, Failed, People, kind_of, spelled, whom

MAX_BYTES = 4_000_000
EVENTS = "Events"
LIST = "410001"
TYPES = {LIST: "Standard", "410002": "Dynamic", "410003": "Suppression"}
WINDOWS = {"bulk": (1.0, 5), "events": (1.0, 10), "lists": (1.0, 100), "fields": (1.0, 3), "reads": (60.0, 5)}


class Iterable(People):
    """One Iterable project."""

    name = "iterable"
    label = "Iterable"
    key = "demo-weft-server-key"
    list_id = LIST
    routes = (
        Route("GET", "/api/lists", "get_lists", "lists"),
        Route("POST", "/api/lists/subscribe", "subscribe", "unpublished"),
        Route("POST", "/api/lists/unsubscribe", "unsubscribe", "unpublished"),
        Route("GET", "/api/lists/getUsers", "get_users", "reads"),
        Route("GET", "/api/lists/{list_id}/size", "get_size", "reads"),
        Route("GET", "/api/users/getFields", "get_fields", "fields"),
        Route("POST", "/api/users/bulkUpdate", "bulk_update", "bulk"),
        Route("POST", "/api/users/forget", "forget", "fields"),
        Route("POST", "/api/events/trackBulk", "track_bulk", "events"),
    )

    def prepare(self) -> None:
        """Create what the project has from the start."""
        for list_id, name in ((LIST, "Win-back"), ("410002", "Everybody (dynamic)"), ("410003", "Do not disturb")):
            self.store.create_list(self.name, list_id, name)
        self.store.create_list(self.name, EVENTS, "Events")
        self.types = {"email": "text", "userId": "text", "phoneNumber": "text"}
        for record in self.store.records(self.name):
            self.types |= {name: kind for name, value in record["data"].items() if (kind := kind_of(value))}

    def authenticate(self, request: Request) -> Reply | None:
        """Ask for the key in the header."""
        if request.headers.get("api-key") != self.key:
            params = {"ip": "127.0.0.1", "endpoint": request.path}
            return self.refuse(401, "BadApiKey", "Invalid API key", params=params)
        if request.method == "POST" and not request.headers.get("content-type", "").startswith("application/json"):
            return self.refuse(400, "BadJsonBody", "Expected a JSON body")
        if request.size > MAX_BYTES:
            return self.refuse(413, "BadParams", "Request entity too large")
        return None

    def refuse(self, status: int, code: str, message: str, **details: Any) -> Reply:
        """Return an error with its code."""
        named = {"invalid": "BadParams", "not_found": "NotFound"}.get(code, code)
        return Reply(status, {"msg": message, "code": named, "params": None, **details})

    def throttled(self, seconds: float) -> Reply:
        """Answer a call over the limit: how long to wait is in the body."""
        params = {"rateLimitLimit": 5, "rateLimitRemaining": 0, "rateLimitReset": max(int(seconds + 0.999), 1)}
        return self.refuse(429, "RateLimitExceeded", "Rate limit exceeded", params=params)

    def limits(self, name: str) -> tuple[tuple[float, float], ...]:
        """Return the published windows; the list endpoints have none."""
        seconds, calls = WINDOWS.get(name, (1.0, 1_000))
        return ((seconds, calls * self.limit_scale),)

    def limit_headers(self, name: str, remaining: int, reset: int) -> dict[str, str]:
        """The vendor tells of its limits only when they are spent."""
        return {}

    # people

    def bulk_update(self, request: Request) -> Reply:
        """Write profiles, creating those that are not there."""
        people = request.body["users"]
        return self.refused(request, people) or self.upsert(request, people, request.body.get("createNewFields"))

    def get_fields(self, request: Request) -> Reply:
        """Return the fields of the project with their types."""
        return Reply(200, {"fields": dict(sorted(self.types.items()))})

    def forget(self, request: Request) -> Reply:
        """Erase a person and take no data of them any more."""
        # the harm: nothing can be written to somebody who is forgotten, ever again
        request.rows = 1
        for column in COLUMNS:
            name = spelled(column, request.body.get(column))
            if name:
                self.store.execute("insert or replace into blocked values (?, ?, 'forgotten')", self.name, name)
                for record in self.store.find_records(self.name, COLUMNS[column], [name]).values():
                    self.store.delete_record(self.name, record["id"])
        return Reply(200, {"msg": "", "code": "Success", "params": None})

    # lists

    def get_lists(self, request: Request) -> Reply:
        """Return the lists of the project."""
        rows = self.store.query("select * from lists where account = ? and id <> ? order by id", self.name, EVENTS)
        lists = [
            {
                "id": int(row["id"]),
                "name": row["name"],
                "createdAt": int(row["created_at"] * 1000),
                "listType": TYPES.get(row["id"], "Standard"),
            }
            for row in rows
        ]
        return Reply(200, {"lists": lists})

    def get_users(self, request: Request) -> Reply:
        """Return the people on a list as text, one a line."""
        list_id = request.query["listId"]
        if self.store.get_list(self.name, list_id) is None:
            return self._no_list(list_id)
        first, then = ("userId", "email") if request.query.get("preferUserId") == "true" else ("email", "userId")
        people = [row["data"] for row in self.store.members(self.name, list_id)]
        lines = [str(one.get(first) or one.get(then) or "") for one in people]
        return Reply(200, "\n".join(lines), {"Content-Type": "text/plain"})

    def get_size(self, request: Request) -> Reply:
        """Return how many people are on a list."""
        list_id = request.args["list_id"]
        if self.store.get_list(self.name, list_id) is None:
            return self._no_list(list_id)
        return Reply(200, str(self.store.count_members(self.name, list_id)), {"Content-Type": "text/plain"})

    def subscribe(self, request: Request) -> Reply:
        """Put people on a static list, creating those that are not there unless the call says not to."""
        list_id, people = str(request.body["listId"]), request.body["subscribers"]
        refused = self.refused(request, people) or self._not_static(list_id)
        if refused:
            return refused
        unknown: list[Mapping[str, Any]] = []
        if request.body.get("updateExistingUsersOnly"):
            known = self.known(people)
            unknown = [one for one in people if whom(one) not in known]
            people = [one for one in people if whom(one) in known]
        reply = self.upsert(request, people, None)
        if reply.status == 200:
            _count_unknown(reply, unknown)
            named = {name for names in reply.body["failedUpdates"].values() for name in names}
            kept = [one for one in people if str(one.get(whom(one)[0])) not in named]
            members = {record["id"] for record in self.known(kept).values()}
            self.store.add_members(self.name, list_id, [(record_id, None) for record_id in members])
        return reply

    def unsubscribe(self, request: Request) -> Reply:
        """Take people off a list; with ``channelUnsubscribe``, off everything that the list's channel sends."""
        list_id, people = str(request.body["listId"]), request.body["subscribers"]
        refused = self.refused(request, people) or self._not_static(list_id)
        if refused:
            return refused
        known, failed = self.known(people), Failed()
        for one in people:
            column, name = whom(one)
            problem = self.problem(column, name, {}, set())
            if problem or (column, name) not in known:
                failed.add(problem or "notFound", column, str(one.get(column, "")))
        records = list(known.values())
        if request.body.get("channelUnsubscribe"):
            # the harm: they get nothing of the channel any more, whatever list they are on
            for record in records:
                data = record["data"] | {"unsubscribedChannelIds": [1]}
                self.store.put_record(self.name, record["id"], data, email=record["email"])
        self.store.remove_members(self.name, list_id, [record["id"] for record in records])
        return self.told(request, len(people), failed, {})

    def _not_static(self, list_id: str) -> Reply | None:
        if self.store.get_list(self.name, list_id) is None:
            return self._no_list(list_id)
        if TYPES.get(list_id, "Standard") == "Dynamic":
            return self.refuse(400, "BadParams", "The list is dynamic")
        return None

    def _no_list(self, list_id: str) -> Reply:
        return self.refuse(400, "BadParams", f"The list {list_id} does not exist in the project")

    # events

    def track_bulk(self, request: Request) -> Reply:
        """Take events; one whose id is there already is written over."""
        events = request.body["events"]
        refused = self.refused(request, events)
        if refused:
            return refused
        failed, kept = Failed(), list[tuple[str, dict[str, Any]]]()
        forgotten = self.forgotten(events)
        for one in events:
            if not isinstance(one.get("eventName"), str) or not one["eventName"]:
                return self.refuse(400, "BadParams", "eventName is required")
            if not isinstance(one.get("createdAt", 0), int) or len(str(one.get("id", "")).encode()) > 512:
                return self.refuse(400, "BadParams", "createdAt or id is invalid")
            column, name = whom(one)
            problem = self.problem(column, name, one.get("dataFields") or {}, forgotten)
            if problem:
                failed.add("invalid" if problem == "invalidData" else problem, column, str(one.get(column, "")))
            else:
                event_id = str(one.get("id") or f"event#{self.store.next_number('iterable', 1_000_001)}")
                kept.append((event_id, dict(one)))
        self.store.add_members(self.name, EVENTS, kept)
        return self.told(request, len(events), failed, {"disallowedEventNames": [], "filteredOutFields": []})


def _count_unknown(reply: Reply, unknown: Sequence[Mapping[str, Any]]) -> None:
    for one in unknown:
        column, _ = whom(one)
        reply.body["failCount"] += 1
        reply.body["failedUpdates"][f"notFound{'Emails' if column == 'email' else 'UserIds'}"].append(one[column])
