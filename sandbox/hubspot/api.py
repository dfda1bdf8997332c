"""HubSpot's CRM objects API for contacts, versions 2026-03 and v3; companies and lists are beside it."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.api import Reply, Request, Route
from sandbox.faults import Faults, Kind
from sandbox.hubspot.companies import COMPANIES, CompanyEndpoints, company_routes
from sandbox.hubspot.lists import DYNAMIC, STATIC, ListEndpoints, list_routes
from sandbox.hubspot.records import LIST, OWNED, PROPERTIES, emails_of, record_routes
from sandbox.klaviyo.profiles import EMAIL
from sandbox.oauth import TokenOffice
from sandbox.store import Store

STAGES = {
    *("subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist"),
    "other",
}

ISSUING = "/oauth/2026-03/token"


def _routes() -> tuple[Route, ...]:
    routes = [
        Route("POST", ISSUING, "give_token", "token"),
        Route("GET", "/account-info/v3/details", "get_account", "account"),
        Route("GET", "/crm/v3/properties/contacts", "get_properties", "account"),
        Route("GET", "/crm/properties/2026-03/contacts", "get_properties", "account"),
    ]
    for base in ("/crm/objects/2026-03/contacts", "/crm/v3/objects/contacts"):
        routes += [
            Route("POST", f"{base}/batch/upsert", "upsert", "account"),
            Route("POST", f"{base}/batch/update", "update", "account"),
            *record_routes(base),
        ]
    routes += company_routes("/crm/objects/2026-03/companies", "/crm/properties/2026-03/companies")
    routes += company_routes("/crm/v3/objects/companies", "/crm/v3/properties/companies")
    routes += [*list_routes("/crm/lists/2026-03"), *list_routes("/crm/v3/lists")]
    return tuple(routes)


class HubSpot(CompanyEndpoints, ListEndpoints):
    """One HubSpot account on the Professional plan: 190 calls per 10 seconds."""

    name = "hubspot"
    label = "HubSpot"
    key = "pat-demo-weft"
    routes = _routes()

    def __init__(self, store: Store, faults: Faults, limit_scale: float, job_seconds: float = 0.4) -> None:
        super().__init__(store, faults, limit_scale, job_seconds)
        self.office = TokenOffice("weft-demo-app", "weft-demo-secret", "weft-demo-refresh", lifetime=1800)

    def prepare(self) -> None:
        """Create two lists, and what shows the companies and the contacts that carry a weft property as ones."""
        self.store.create_list(self.name, LIST, "Contacts with weft properties")
        self.store.create_list(self.name, COMPANIES, "Companies")
        self.store.create_list(self.name, STATIC, "Invited to the tasting")
        self.store.create_list(self.name, DYNAMIC, "Customers, by a filter")

    def environment(self, url: str) -> dict[str, str]:
        """Return the variables that point a connections.yml at this account."""
        return {"HUBSPOT_URL": url, "HUBSPOT_TOKEN": self.key}

    def authenticate(self, request: Request) -> Reply | None:
        """Ask for the bearer token."""
        if request.path == ISSUING:
            return None
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not (token == self.key or self.office.holds(token)):
            return self.refuse(
                401,
                "INVALID_AUTHENTICATION",
                "Authentication credentials not found. This API supports OAuth 2.0 authentication.",
            )
        return None

    def refuse(self, status: int, code: str, message: str, **details: Any) -> Reply:
        """Return an error with its category."""
        category = {"invalid": "VALIDATION_ERROR", "not_found": "OBJECT_NOT_FOUND"}.get(code, code)
        body = {"status": "error", "message": message, "correlationId": str(uuid.uuid4()), "category": category}
        return Reply(status, {**body, **details})

    def throttled(self, seconds: float) -> Reply:
        """Answer a call over the limit: this vendor sends no Retry-After."""
        reply = self.refuse(429, "RATE_LIMITS", "You have reached your ten_secondly_rolling limit.")
        reply.body |= {"errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"}
        reply.headers = self.limit_headers("account", 0, 0)
        return reply

    def limits(self, name: str) -> tuple[tuple[float, float], ...]:
        """Return the daily and the ten-second window; searches are counted by the second."""
        if name == "search":
            return ((1.0, 5 * self.limit_scale),)
        return ((86_400.0, 650_000 * self.limit_scale), (10.0, 190 * self.limit_scale))

    def limit_headers(self, name: str, remaining: int, reset: int) -> dict[str, str]:
        """Return the state of the ten-second window; the answers to searches do not tell it."""
        if name == "search":
            return {}
        return {
            "X-HubSpot-RateLimit-Daily": str(int(650_000 * self.limit_scale)),
            "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
            "X-HubSpot-RateLimit-Max": str(int(190 * self.limit_scale)),
            "X-HubSpot-RateLimit-Remaining": str(remaining),
        }

    def give_token(self, request: Request) -> Reply:
        """Exchange the demo app's refresh token, which stays the same, for an access token of half an hour."""
        return self.office.give(request)

    # writing

    def upsert(self, request: Request) -> Reply:
        """Create or update at most 100 contacts by e-mail."""
        return self._write(request, self._upsert_row, ("email",))

    def update(self, request: Request) -> Reply:
        """Update at most 100 contacts by record id or e-mail."""
        return self._write(request, self._update_row, (None, "hs_object_id", "email"))

    def _write(
        self,
        request: Request,
        write: Callable[[Mapping[str, Any]], dict[str, Any] | None],
        by: tuple[str | None, ...],
    ) -> Reply:
        inputs = self.inputs(request)
        if isinstance(inputs, Reply):
            return inputs
        for item in inputs:
            if item.get("idProperty") not in by:
                message = f"Unable to perform update/upsert by non-unique 0-1 property {item.get('idProperty')}"
                return self.refuse(400, "invalid", message)
            if not isinstance(item.get("properties"), dict) or not item["properties"]:
                return self.refuse(400, "invalid", "No properties found to update, please provide at least one.")
            unknown = [n for n in sorted(item["properties"]) if n not in PROPERTIES and not n.startswith(OWNED)]
            if unknown:
                return self.no_property(unknown[0])
        results, errors = [], []
        for item in inputs:
            error, result = self._row_error(item), None
            if error is None:
                result = write(item)
                error = None if result else self.row_error(item, "OBJECT_NOT_FOUND", "The contact does not exist.")
            if error:
                errors.append(error)
            elif result:
                results.append(result)
        self.hold(results)
        for category, count in Counter(error["category"] for error in errors).items():
            self.store.note_refusal(self.name, request.template, category, "rows of a batch", count)
        return self.multi(results, errors)

    def _upsert_row(self, item: Mapping[str, Any]) -> dict[str, Any]:
        email = str(item["id"]).strip().lower()
        row = self.find("email", email)
        contact_id = row["id"] if row else str(self.store.next_number("hubspot", 100_000_001))
        return self._save(item, contact_id, row, {} if row else {"email": email})

    def _update_row(self, item: Mapping[str, Any]) -> dict[str, Any] | None:
        row = self.find(item.get("idProperty") or "hs_object_id", str(item["id"]))
        return self._save(item, row["id"], row, {}) if row else None

    def _save(
        self, item: Mapping[str, Any], contact_id: str, row: dict[str, Any] | None, fixed: dict[str, Any]
    ) -> dict[str, Any]:
        sent = dict(item["properties"])
        if row is not None and str(sent.get("email", "")).strip().lower() in emails_of(row):
            del sent["email"]  # an address that it has already, be it an additional one
        self.keep(contact_id, {**(row["data"] if row else {}), **sent, **fixed})
        saved = self.store.get_record(self.name, contact_id)
        trace = {"objectWriteTraceId": item["objectWriteTraceId"]} if "objectWriteTraceId" in item else {}
        return {**self.contact(saved), "new": row is None, **trace}

    def _row_error(self, item: Mapping[str, Any]) -> dict[str, Any] | None:
        properties = item["properties"]
        email = properties.get("email", item["id"] if item.get("idProperty") == "email" else None)
        if email is not None and not EMAIL.match(str(email)):
            return self.row_error(item, "VALIDATION_ERROR", f"Email address {email} is invalid", "INVALID_EMAIL")
        stage = properties.get("lifecyclestage")
        if stage and stage not in STAGES:
            message = f"{stage} was not one of the allowed options"
            return self.row_error(item, "VALIDATION_ERROR", message, "INVALID_OPTION")
        if self.store.one("select 1 from blocked where account = ? and value = ?", self.name, str(email).lower()):
            return self.row_error(item, "VALIDATION_ERROR", f"{email} was permanently deleted", "GDPR_BLOCKED")
        if self.faults.take(self.name, Kind.REFUSE_ROWS, text=json.dumps(item)):
            return self.row_error(item, "VALIDATION_ERROR", f"{email} was refused", "REFUSED")
        return None
