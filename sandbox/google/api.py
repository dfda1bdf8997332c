"""Google's Data Manager API v1: audience members, events, and what became of a request."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.api import Api, Reply, Request, Route
from sandbox.faults import Faults
from sandbox.google.keys import key_file, refusal
from sandbox.google.requests import ACCOUNT, STATUS_PATH, Requests
from sandbox.google.rules import KINDS, Violation, event_violation, member_violation
from sandbox.google.schema import misfit
from sandbox.store import Store

MAX_MEMBERS = 10_000
MAX_EVENTS = 2_000
MAX_DESTINATIONS = 10
OPERATING = "1234567890"
MANAGER = "9876543210"
OAUTH = "/token"
STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
}


class Google(Api):
    """One account of Google Ads: an audience of contact information, one of mobile ids, and a conversion action."""

    name = ACCOUNT
    label = "Google Data Manager"
    key = "ya29.demo-weft"
    audience = "7000000001"
    mobile_audience = "7000000002"
    conversion = "9000000001"
    routes = (
        Route("POST", OAUTH, "give_token", "token"),
        Route("POST", "/v1/audienceMembers:ingest", "ingest_members", "mutate"),
        Route("POST", "/v1/audienceMembers:remove", "remove_members", "mutate"),
        Route("POST", "/v1/audienceMembers:removeAll", "remove_all", "mutate"),
        Route("POST", "/v1/events:ingest", "ingest_events", "mutate"),
        Route("GET", STATUS_PATH, "get_status", "read"),
    )

    def __init__(self, store: Store, faults: Faults, limit_scale: float, job_seconds: float = 0.4) -> None:
        super().__init__(store, faults, limit_scale, job_seconds)
        self.requests = Requests(store, faults, job_seconds)

    def prepare(self) -> None:
        """Create the demo account's audiences and its conversion action."""
        self.store.create_list(self.name, self.audience, "Lapsing customers")
        self.store.create_list(self.name, self.mobile_audience, "Lapsing app users")
        self.store.create_list(self.name, self.conversion, "Events")

    def advance(self) -> None:
        """Process what is due."""
        self.requests.advance()

    def release(self) -> None:
        """Let stuck requests go on."""
        self.requests.release()

    def environment(self, url: str) -> dict[str, str]:
        """Return the variables that point a connections.yml at this account."""
        return {
            "GOOGLE_URL": url,
            "GOOGLE_SERVICE_ACCOUNT": key_file(url + OAUTH),
            "GOOGLE_ACCOUNT_ID": OPERATING,
        }

    def authenticate(self, request: Request) -> Reply | None:
        """Ask for a token, except where tokens are given out."""
        if request.path == OAUTH or request.headers.get("authorization") == f"Bearer {self.key}":
            return None
        message = "Request had invalid authentication credentials. Expected OAuth 2 access token."
        return self._error(401, message, {"reason": "ACCESS_TOKEN_TYPE_UNSUPPORTED", "domain": "googleapis.com"})

    def refuse(self, status: int, code: str, message: str, **details: Any) -> Reply:
        """Return an error in the form of Google's APIs."""
        return self._error(
            status, message, {"reason": STATUS.get(status, "INTERNAL"), "domain": "datamanager.googleapis.com"}
        )

    def throttled(self, seconds: float) -> Reply:
        """Answer a call over the quota: 429, without a word on how long to wait."""
        window = "Day" if seconds > 60 else "Minute"
        info = {
            "reason": "RATE_LIMIT_EXCEEDED",
            "domain": "googleapis.com",
            "metadata": {"quota_limit": f"IngestionMutateRequestsPer{window}PerProject"},
        }
        return self._error(429, "Quota exceeded for quota metric.", info)

    def limits(self, name: str) -> tuple[tuple[float, float], ...]:
        """Return the quotas of a minute and of a day: one for what changes and one for what reads."""
        if name == "token":
            return ((60.0, 10_000.0),)
        return ((60.0, 300 * self.limit_scale), (86_400.0, 100_000 * self.limit_scale))

    def limit_headers(self, name: str, remaining: int, reset: int) -> dict[str, str]:
        """Google tells nothing of what is left of a quota."""
        return {}

    # endpoints

    def give_token(self, request: Request) -> Reply:
        """Give a token for an assertion that the service account signed."""
        refused = refusal(request.body, request.base_url + OAUTH)
        if refused:
            return Reply(400, {"error": refused[0], "error_description": refused[1]})
        return Reply(200, {"access_token": self.key, "expires_in": 3_599, "token_type": "Bearer"})

    def ingest_members(self, request: Request) -> Reply:
        """Take at most 10,000 members."""
        return self._take(request, "IngestAudienceMembersRequest", "ingest", "audienceMembers", self._members_violation)

    def remove_members(self, request: Request) -> Reply:
        """Remove at most 10,000 members."""
        return self._take(request, "RemoveAudienceMembersRequest", "remove", "audienceMembers", self._members_violation)

    def ingest_events(self, request: Request) -> Reply:
        """Take at most 2,000 events."""
        return self._take(request, "IngestEventsRequest", "events", "events", self._events_violation)

    def remove_all(self, request: Request) -> Reply:
        """Empty the audiences: the harm, and it needs nobody's name."""
        destinations = request.body["destinations"]
        violation = self._destinations_violation(destinations, {self.audience, self.mobile_audience})
        if isinstance(violation, Reply):
            return violation
        for destination in destinations:
            target = destination["productDestinationId"]
            members = [row["member_id"] for row in self.store.members(self.name, target)]
            self.store.remove_members(self.name, target, members)
        return Reply(200, {"requestId": uuid.uuid4().hex[:16]})

    def get_status(self, request: Request) -> Reply:
        """Say what became of a request, at each of its destinations."""
        found = self.requests.statuses(request.query.get("requestId", ""))
        if found is None:
            return self._invalid(Violation("request_id", "INVALID_REQUEST_ID", "The request ID is not valid."))
        return Reply(200, {"requestStatusPerDestination": found})

    # what is checked before a request is taken

    def _take(
        self,
        request: Request,
        message: str,
        kind: str,
        part: str,
        violation_of: Callable[[Mapping[str, Any], str], Violation | None],
    ) -> Reply:
        body = request.body if isinstance(request.body, dict) else {}
        unfit = misfit(message, body)
        if unfit:
            return self._error(400, unfit, {"reason": "INVALID_ARGUMENT", "domain": "datamanager.googleapis.com"})
        items = body.get(part, [])
        request.rows = len(items)
        targets = {self.conversion} if kind == "events" else {self.audience, self.mobile_audience}
        denied = self._destinations_violation(body.get("destinations", []), targets)
        if denied:
            return denied
        violation = violation_of(body, kind)
        if violation:
            return self._invalid(violation)
        if body.get("validateOnly"):
            return Reply(200, {})
        return Reply(200, {"requestId": self.requests.create(kind, request.path, body, items)})

    def _members_violation(self, body: Mapping[str, Any], kind: str) -> Violation | None:
        members, encoding = body.get("audienceMembers", []), body.get("encoding", "")
        if not members:
            return Violation("audience_members", "REQUIRED_FIELD_MISSING")
        if len(members) > MAX_MEMBERS:
            return Violation("audience_members", "TOO_MANY_AUDIENCE_MEMBERS")
        kinds = {name for member in members for name in KINDS if name in member}
        if len(kinds) > 1:
            return Violation("audience_members", "MULTIPLE_DATA_TYPES_NOT_ALLOWED")
        wanted = {self.audience: "userData", self.mobile_audience: "mobileData"}
        if any(kinds != {wanted[to["productDestinationId"]]} for to in body["destinations"] if kinds):
            return Violation("destinations[0].product_destination_id", "INVALID_USER_LIST_TYPE")
        terms = body.get("termsOfService", {}).get("customerMatchTermsOfServiceStatus")
        if kind == "ingest" and terms != "ACCEPTED":
            return Violation("terms_of_service", "TERMS_AND_CONDITIONS_NOT_SIGNED")
        found = (
            member_violation(member, encoding, f"audience_members[{place}]") for place, member in enumerate(members)
        )
        return next((violation for violation in found if violation), None)

    def _events_violation(self, body: Mapping[str, Any], kind: str) -> Violation | None:
        events, encoding = body.get("events", []), body.get("encoding", "")
        if not events:
            return Violation("events", "REQUIRED_FIELD_MISSING")
        if len(events) > MAX_EVENTS:
            return Violation("events", "TOO_MANY_EVENTS")
        found = (event_violation(event, encoding, f"events[{place}]") for place, event in enumerate(events))
        return next((violation for violation in found if violation), None)

    def _destinations_violation(self, destinations: list[dict[str, Any]], targets: set[str]) -> Reply | None:
        if not destinations:
            return self._invalid(Violation("destinations", "REQUIRED_FIELD_MISSING"))
        if len(destinations) > MAX_DESTINATIONS:
            return self._invalid(Violation("destinations", "TOO_MANY_DESTINATIONS"))
        references = [to["reference"] for to in destinations if "reference" in to]
        if len(references) > len(set(references)):
            return self._invalid(Violation("destinations", "DUPLICATE_DESTINATION_REFERENCE"))
        for place, to in enumerate(destinations):
            operating, login = to.get("operatingAccount", {}), to.get("loginAccount")
            if not operating.get("accountId") or not (operating.get("accountType") or operating.get("product")):
                return self._invalid(Violation(f"destinations[{place}].operating_account", "REQUIRED_FIELD_MISSING"))
            allowed = operating["accountId"] == OPERATING and (
                login is None or login.get("accountId") in (OPERATING, MANAGER)
            )
            if not allowed:
                info = {"reason": "PERMISSION_DENIED", "domain": "datamanager.googleapis.com"}
                return self._error(403, "The caller does not have permission.", info)
            target = to.get("productDestinationId", "")
            if target not in targets:
                events = targets == {self.conversion}
                reason = "INVALID_CONVERSION_ACTION_ID" if events else "INVALID_USER_LIST_ID"
                return self._invalid(Violation(f"destinations[{place}].product_destination_id", reason))
        return None

    # shapes

    def _invalid(self, violation: Violation) -> Reply:
        info = {"reason": "INVALID_ARGUMENT", "domain": "datamanager.googleapis.com"}
        bad = {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [
                {
                    "field": violation.field,
                    "description": violation.message or violation.reason.replace("_", " ").capitalize() + ".",
                    "reason": violation.reason,
                }
            ],
        }
        return self._error(400, "There was a problem with the request.", info, bad)

    @staticmethod
    def _error(status: int, message: str, info: Mapping[str, Any], *more: Mapping[str, Any]) -> Reply:
        details = [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", **info},
            *more,
            {"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": uuid.uuid4().hex[:16]},
        ]
        named = STATUS.get(status, "INTERNAL")
        return Reply(status, {"error": {"code": status, "message": message, "status": named, "details": details}})
