"""A Salesforce org: tokens, sObject Describe, sObject Collections, Query and the Bulk API 2.0, version 68.0.

Written from the "REST API Developer Guide", the "Bulk API 2.0 and Bulk API Developer Guide", and the pages on the OAuth
2.0 flows of Salesforce's help, read on 2026-11-22.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.api import Reply, Request, Route
from sandbox.faults import Faults
from sandbox.oauth import Signers, TokenOffice
from sandbox.salesforce.jobs import VERSION, JobEndpoints
from sandbox.salesforce.records import ACCOUNT, Records
from sandbox.salesforce.schema import THINGS, Thing
from sandbox.salesforce.soql import MalformedQueryError, parse
from sandbox.store import Store

DATA = f"/services/data/{VERSION}"
ISSUING = "/services/oauth2/token"
COLLECTIONS = f"{DATA}/composite/sobjects"
MAX_RECORDS = 200
MAX_ADDRESS = 16_384  #: bytes of a query in the address
PAGE = 2_000
CAMPAIGN = "701000000000001AAA"
DAILY = 100_000  #: calls of an Enterprise Edition org


class Salesforce(JobEndpoints):
    """One org of the Enterprise Edition."""

    name = ACCOUNT
    label = "Salesforce"
    key = "weft-demo-refresh"
    user = "weft@example.com"
    routes = (
        Route("POST", ISSUING, "give_token", "token"),
        Route("GET", f"{DATA}/limits", "get_limits", "calls"),
        Route("GET", DATA + "/sobjects/{thing}/describe", "describe", "calls"),
        Route("GET", f"{DATA}/query", "query", "calls"),
        Route("GET", DATA + "/query/{locator}", "query_more", "calls"),
        Route("POST", COLLECTIONS, "insert", "calls"),
        Route("PATCH", COLLECTIONS, "update", "calls"),
        Route("DELETE", COLLECTIONS, "delete", "calls"),
        Route("PATCH", COLLECTIONS + "/{thing}/{field}", "upsert", "calls"),
        *JobEndpoints.job_routes,
    )

    def __init__(self, store: Store, faults: Faults, limit_scale: float, job_seconds: float = 0.4) -> None:
        super().__init__(store, faults, limit_scale, job_seconds)
        self.held = Records(store, faults)
        self._pages: dict[str, list[dict[str, Any]]] = {}

    @cached_property
    def private_key(self) -> str:
        """The key that the demo app signs with: the certificate of it is uploaded. Made when it is asked for."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        form = serialization.PrivateFormat.PKCS8
        return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()

    @cached_property
    def office(self) -> TokenOffice:
        """The token endpoint."""
        return TokenOffice("weft-demo-app", "weft-demo-secret", self.key, lifetime=None, further=self._instance)

    def prepare(self) -> None:
        """Create the objects."""
        for thing in THINGS.values():
            self.store.create_list(self.name, thing.name, f"{thing.name} records")
        if not self.store.find_record(self.name, record_id=CAMPAIGN):
            self.store.put_record(
                self.name, CAMPAIGN, {"Name": "Winback", "IsActive": True}, email="", phone="Campaign"
            )
            self.store.add_members(self.name, "Campaign", [(CAMPAIGN, None)])
        self.store.create_list(self.name, CAMPAIGN, "Campaign: Winback")

    def environment(self, url: str) -> dict[str, str]:
        """Return the variables that point a connections.yml at this org."""
        return {
            "SALESFORCE_URL": url,
            "SALESFORCE_CLIENT_ID": "weft-demo-app",
            "SALESFORCE_CLIENT_SECRET": "weft-demo-secret",
            "SALESFORCE_REFRESH_TOKEN": self.key,
        }

    def authenticate(self, request: Request) -> Reply | None:
        """Ask for an access token."""
        if request.path == ISSUING:
            return None
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not self.office.holds(token):
            return self.refuse(401, "INVALID_SESSION_ID", "Session expired or invalid")
        return None

    def refuse(self, status: int, code: str, message: str, **details: Any) -> Reply:
        """Return an error: a list of one."""
        known = {"invalid": "JSON_PARSER_ERROR", "not_found": "NOT_FOUND"}
        return Reply(status, [{"message": message, "errorCode": known.get(code, code), **details}])

    def throttled(self, seconds: float) -> Reply:
        """Answer a call over the daily limit, or one too many at the same time."""
        if seconds > 3_600:
            return self.refuse(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        return self.refuse(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API) Limit exceeded.")

    def limits(self, name: str) -> tuple[tuple[float, float], ...]:
        """Return the limit of a day."""
        return ((86_400.0, DAILY * self.limit_scale),)

    def limit_headers(self, name: str, remaining: int, reset: int) -> dict[str, str]:
        """Return how many calls of the day are used."""
        if name == "token":
            return {}
        limit = int(DAILY * self.limit_scale)
        return {"Sforce-Limit-Info": f"api-usage={limit - remaining}/{limit}"}

    def sign_in_with_key(self) -> None:
        """Let the app sign for its user as well."""
        key = serialization.load_pem_private_key(self.private_key.encode(), None).public_key()
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        public = key.public_bytes(serialization.Encoding.PEM, form).decode()
        audiences = ("https://login.salesforce.com", "https://test.salesforce.com")
        self.office.signers = Signers(public, (self.user,), audiences)

    def give_token(self, request: Request) -> Reply:
        """Exchange a refresh token or a signed assertion for an access token."""
        return self.office.give(request)

    def get_limits(self, request: Request) -> Reply:
        """Return the limits of the org."""
        return Reply(200, {"DailyApiRequests": {"Max": int(DAILY * self.limit_scale), "Remaining": DAILY}})

    def describe(self, request: Request) -> Reply:
        """Return what an object is."""
        thing = THINGS.get(request.args["thing"].lower())
        if thing is None:
            return self.refuse(404, "NOT_FOUND", "The requested resource does not exist")
        rights = dict.fromkeys(("createable", "updateable", "deletable", "queryable"), True)
        fields = [field.describe() for field in thing.fields.values()]
        return Reply(200, {"name": thing.name, "keyPrefix": thing.prefix, **rights, "fields": fields})

    def query(self, request: Request) -> Reply:
        """Answer a query."""
        if len(quote(request.query.get("q", ""))) > MAX_ADDRESS:
            return self.refuse(414, "URI_TOO_LONG", "The length of the URI exceeds the 16,384 byte limit.")
        try:
            asked = parse(request.query.get("q", ""))
        except MalformedQueryError as error:
            return self.refuse(400, error.code, str(error))
        found = asked.select(self.held)
        if asked.counts:
            return Reply(200, {"totalSize": len(found), "done": True, "records": []})
        records = [asked.record(row, self.held) for row in found]
        return Reply(200, self._page(records, 0, secrets.token_hex(8)))

    def query_more(self, request: Request) -> Reply:
        """Return a further page of a query."""
        locator, _, start = request.args["locator"].partition("-")
        if locator not in self._pages:
            return self.refuse(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return Reply(200, self._page(self._pages[locator], int(start), locator))

    def insert(self, request: Request) -> Reply:
        """Create at most 200 records."""
        return self._write(request, "insert", None)

    def update(self, request: Request) -> Reply:
        """Update at most 200 records by id."""
        return self._write(request, "update", None)

    def upsert(self, request: Request) -> Reply:
        """Create or update at most 200 records by a field."""
        thing = THINGS.get(request.args["thing"].lower())
        if thing is None:
            return self.refuse(404, "NOT_FOUND", "The requested resource does not exist")
        field = thing.fields.get(request.args["field"].lower())
        if field is None or not (field.external_id or field.id_lookup) or field.name == "Id":
            return self.refuse(400, "INVALID_FIELD", f"Provided external ID field does not exist: {request.args}")
        return self._write(request, "upsert", thing, field.name)

    def delete(self, request: Request) -> Reply:
        """Put at most 200 records into the recycle bin."""
        ids = [one for one in request.query.get("ids", "").split(",") if one]
        if not 1 <= len(ids) <= MAX_RECORDS:
            return self.refuse(400, "EXCEEDED_MAX_SIZE_REQUEST", "record limit reached. cannot submit more than 200")
        return Reply(200, self.held.delete(ids))

    def _write(self, request: Request, operation: str, thing: Thing | None, by: str | None = None) -> Reply:
        if not request.headers.get("content-type", "").startswith("application/json"):
            return self.refuse(415, "UNSUPPORTED_MEDIA_TYPE", "The content is JSON.")
        records = request.body["records"]
        request.rows = len(records)
        if set(request.body) - {"records", "allOrNone"} or not isinstance(records, list):
            return self.refuse(400, "JSON_PARSER_ERROR", "Unrecognized field in the request")
        if not 1 <= len(records) <= MAX_RECORDS:
            return self.refuse(400, "EXCEEDED_MAX_SIZE_REQUEST", "record limit reached. cannot submit more than 200")
        kinds = {str(record["attributes"]["type"]).lower() for record in records}
        if len(kinds) > 1 or (thing is not None and kinds != {thing.name.lower()}):
            return self.refuse(400, "INVALID_INPUT", "The sandbox takes one type of object in a call.")
        thing = THINGS.get(kinds.pop())
        if thing is None:
            return self.refuse(400, "INVALID_TYPE", "sObject type is not supported.")
        problem = _malformed(thing, records, operation)
        if problem:
            return self.refuse(400, *problem)
        results = self.held.write(thing, records, operation, by, request.template)
        if request.body.get("allOrNone") and any(not one["success"] for one in results):
            return self.refuse(400, "ALL_OR_NONE_OPERATION_ROLLED_BACK", "The sandbox has no roll-back.")
        return Reply(200, results)

    def _page(self, records: list[dict[str, Any]], start: int, locator: str) -> dict[str, Any]:
        end = start + PAGE
        told: dict[str, Any] = {"totalSize": len(records), "done": end >= len(records), "records": records[start:end]}
        if end < len(records):
            self._pages[locator] = records
            told["nextRecordsUrl"] = f"{DATA}/query/{locator}-{end}"
        return told

    @staticmethod
    def _instance(request: Request) -> dict[str, Any]:
        return {"instance_url": request.base_url, "scope": "api refresh_token", "issued_at": "1795300000000"}


def _malformed(thing: Thing, records: list[Mapping[str, Any]], operation: str) -> tuple[str, str] | None:
    """Return the code and the message for a body that the parser refuses whole."""
    for record in records:
        if operation == "upsert" and any(name.lower() == "id" for name in record):
            return "INVALID_FIELD", "The Id field should not be specified in the sobject data."
        for field, name, value in thing.of(record):
            if field is None:
                return "INVALID_FIELD", f"No such column '{name}' on sobject of type {thing.name}"
            problem = field.malformed(value)
            if problem:
                return "JSON_PARSER_ERROR", problem
    return None
