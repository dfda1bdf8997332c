"""HubSpot's CRM objects API for contacts, versions 2026-03 and v3."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.api import Api, Reply, Request, Route
from sandbox.faults import Kind
from sandbox.klaviyo_profiles import EMAIL

MAX_BATCH = 100
LIST = "contacts"
OWNED = "weft_"  #: every property that begins so exists in the account; who carries one is held by weft
PROPERTIES = {
    *("email", "firstname", "lastname", "phone", "mobilephone", "country", "city", "state", "zip", "address"),
    *("website", "jobtitle", "company", "industry", "lifecyclestage", "hs_lead_status", "hs_language", "gender"),
    *("date_of_birth", "salutation", "hs_object_id", "createdate", "lastmodifieddate"),
}
STAGES = {
    *("subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist"),
    "other",
}


def _routes() -> tuple[Route, ...]:
    routes = [
        Route("GET", "/account-info/v3/details", "get_account", "account"),
        Route("GET", "/crm/v3/properties/contacts", "get_properties", "account"),
    ]
    for base in ("/crm/objects/2026-03/contacts", "/crm/v3/objects/contacts"):
        routes += [
            Route("GET", base, "get_contacts", "account"),
            Route("POST", f"{base}/batch/upsert", "upsert", "account"),
            Route("POST", f"{base}/batch/update", "update", "account"),
            Route("POST", f"{base}/batch/read", "read", "account"),
            Route("POST", f"{base}/batch/archive", "archive", "account"),
            Route("POST", f"{base}/gdpr-delete", "gdpr_delete", "account"),
        ]
    return tuple(routes)


class HubSpot(Api):
    """One HubSpot account on the Professional plan: 190 calls per 10 seconds."""

    name = "hubspot"
    label = "HubSpot"
    key = "pat-demo-weft"
    routes = _routes()

    def prepare(self) -> None:
        """Create the one list: the contacts that carry a weft property."""
        self.store.create_list(self.name, LIST, "Contacts with weft properties")

    def authenticate(self, request: Request) -> Reply | None:
        """Ask for the bearer token."""
        if request.headers.get("authorization", "") != f"Bearer {self.key}":
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
        """Return the daily and the ten-second window."""
        return ((86_400.0, 650_000 * self.limit_scale), (10.0, 190 * self.limit_scale))

    def limit_headers(self, name: str, remaining: int, reset: int) -> dict[str, str]:
        """Return the state of the ten-second window."""
        return {
            "X-HubSpot-RateLimit-Daily": str(int(650_000 * self.limit_scale)),
            "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
            "X-HubSpot-RateLimit-Max": str(int(190 * self.limit_scale)),
            "X-HubSpot-RateLimit-Remaining": str(remaining),
        }

    # reading

    def get_account(self, request: Request) -> Reply:
        """Name the account."""
        return Reply(200, {"portalId": 8420, "accountType": "DEVELOPER_TEST", "timeZone": "UTC"})

    def get_properties(self, request: Request) -> Reply:
        """Return the names of the properties that contacts have."""
        return Reply(200, {"results": [{"name": name, "type": "string"} for name in sorted(PROPERTIES)]})

    def get_contacts(self, request: Request) -> Reply:
        """Return a page of contacts."""
        limit = min(int(request.query.get("limit", "10")), 100)
        rows = self.store.records(self.name, after=request.query.get("after", ""), limit=limit + 1)
        body: dict[str, Any] = {"results": [self._contact(row) for row in rows[:limit]]}
        if len(rows) > limit:
            body["paging"] = {"next": {"after": rows[limit - 1]["id"]}}
        return Reply(200, body)

    def read(self, request: Request) -> Reply:
        """Return at most 100 contacts by id or e-mail; missing ones make it a 207."""
        inputs = self._inputs(request)
        if isinstance(inputs, Reply):
            return inputs
        by = request.body.get("idProperty", "hs_object_id")
        if by not in ("hs_object_id", "email"):
            return self.refuse(400, "invalid", f"{by} is not a unique property.")
        found = [(str(item["id"]), self._find(by, str(item["id"]))) for item in inputs]
        missing = [wanted for wanted, row in found if row is None]
        errors = []
        if missing:
            message = "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid."
            context = {"ids": missing}
            errors = [{"status": "error", "category": "OBJECT_NOT_FOUND", "message": message, "context": context}]
        return self._multi([self._contact(row) for _, row in found if row is not None], errors)

    # writing

    def upsert(self, request: Request) -> Reply:
        """Create or update at most 100 contacts by e-mail."""
        return self._write(request, self._upsert_row, ("email",))

    def update(self, request: Request) -> Reply:
        """Update at most 100 contacts by record id."""
        return self._write(request, self._update_row, (None, "hs_object_id"))

    def archive(self, request: Request) -> Reply:
        """Archive at most 100 contacts by record id; unknown ids are passed over."""
        # the harm: it takes the whole contact from whoever works with it, not only what weft wrote
        inputs = self._inputs(request)
        if isinstance(inputs, Reply):
            return inputs
        for item in inputs:
            self.store.delete_record(self.name, str(item["id"]))
        return Reply(204)

    def gdpr_delete(self, request: Request) -> Reply:
        """Erase a contact, and block its address for ever."""
        # the harm: the address can never be imported again, also when no such contact existed
        request.rows = 1
        value = str(request.body["objectId"]).lower()
        row = self._find(request.body.get("idProperty", "hs_object_id"), value)
        self.store.execute(
            "insert or replace into blocked values (?, ?, 'gdpr')", self.name, row["email"] if row else value
        )
        if row:
            self.store.delete_record(self.name, row["id"])
        return Reply(204)

    def _write(
        self,
        request: Request,
        write: Callable[[Mapping[str, Any]], dict[str, Any] | None],
        by: tuple[str | None, ...],
    ) -> Reply:
        inputs = self._inputs(request)
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
                problem = {
                    "isValid": False,
                    "message": f'Property "{unknown[0]}" does not exist',
                    "error": "PROPERTY_DOESNT_EXIST",
                    "name": unknown[0],
                }
                return self.refuse(400, "invalid", f"Property values were not valid: {json.dumps([problem])}")
        results, errors = [], []
        for item in inputs:
            error, result = self._row_error(item), None
            if error is None:
                result = write(item)
                error = None if result else self._error(item, "OBJECT_NOT_FOUND", "The contact does not exist.")
            if error:
                errors.append(error)
            elif result:
                results.append(result)
        self._hold(results)
        for category, count in Counter(error["category"] for error in errors).items():
            self.store.note_refusal(self.name, request.template, category, "rows of a batch", count)
        return self._multi(results, errors)

    def _hold(self, results: list[dict[str, Any]]) -> None:
        """Keep the list to those that carry a weft property; what is empty is not in their data any more."""
        held = [result["id"] for result in results if any(name.startswith(OWNED) for name in result["properties"])]
        added = self.store.add_members(self.name, LIST, [(contact_id, None) for contact_id in held])
        self.store.note_changes(self.name, LIST, len(held) - added)
        self.store.remove_members(self.name, LIST, {result["id"] for result in results} - set(held))

    def _upsert_row(self, item: Mapping[str, Any]) -> dict[str, Any]:
        email = str(item["id"]).strip().lower()
        row = self.store.find_record(self.name, email=email)
        contact_id = row["id"] if row else str(self.store.next_number("hubspot", 100_000_001))
        return self._save(item, contact_id, row, {"email": email})

    def _update_row(self, item: Mapping[str, Any]) -> dict[str, Any] | None:
        row = self.store.find_record(self.name, record_id=str(item["id"]))
        return self._save(item, row["id"], row, {}) if row else None

    def _save(
        self, item: Mapping[str, Any], contact_id: str, row: dict[str, Any] | None, fixed: dict[str, Any]
    ) -> dict[str, Any]:
        data = {**(row["data"] if row else {}), **item["properties"], **fixed}
        # an empty string clears a property
        data = {name: value for name, value in data.items() if value not in ("", None)}
        self.store.put_record(self.name, contact_id, data, email=str(data.get("email", "")).lower())
        saved = self.store.get_record(self.name, contact_id)
        trace = {"objectWriteTraceId": item["objectWriteTraceId"]} if "objectWriteTraceId" in item else {}
        return {**self._contact(saved), "new": row is None, **trace}

    def _row_error(self, item: Mapping[str, Any]) -> dict[str, Any] | None:
        properties = item["properties"]
        email = properties.get("email", item["id"] if item.get("idProperty") == "email" else None)
        if email is not None and not EMAIL.match(str(email)):
            return self._error(item, "VALIDATION_ERROR", f"Email address {email} is invalid", "INVALID_EMAIL")
        stage = properties.get("lifecyclestage")
        if stage and stage not in STAGES:
            message = f"{stage} was not one of the allowed options"
            return self._error(item, "VALIDATION_ERROR", message, "INVALID_OPTION")
        if self.store.one("select 1 from blocked where account = ? and value = ?", self.name, str(email).lower()):
            return self._error(item, "VALIDATION_ERROR", f"{email} was permanently deleted", "GDPR_BLOCKED")
        if self.faults.take(self.name, Kind.REFUSE_ROWS, text=json.dumps(item)):
            return self._error(item, "VALIDATION_ERROR", f"{email} was refused", "REFUSED")
        return None

    # shapes

    def _inputs(self, request: Request) -> list[dict[str, Any]] | Reply:
        inputs = (request.body or {}).get("inputs") if isinstance(request.body, dict) else None
        if not isinstance(inputs, list) or any(not isinstance(item, dict) or "id" not in item for item in inputs):
            return self.refuse(400, "invalid", "Invalid input JSON: inputs with an id are required.")
        request.rows = len(inputs)
        if not 1 <= len(inputs) <= MAX_BATCH:
            return self.refuse(400, "invalid", f"The maximum number of inputs supported is {MAX_BATCH}.")
        ids = [str(item["id"]).strip().lower() for item in inputs]
        if len(set(ids)) < len(ids):
            double = next(value for value in ids if ids.count(value) > 1)
            return self.refuse(400, "invalid", f"Duplicate IDs found in batch input: [{double}]. IDs must be unique.")
        return inputs

    def _find(self, by: str, value: str) -> dict[str, Any] | None:
        if by == "email":
            return self.store.find_record(self.name, email=value.strip().lower())
        return self.store.find_record(self.name, record_id=value)

    @staticmethod
    def _error(item: Mapping[str, Any], category: str, message: str, code: str = "") -> dict[str, Any]:
        context: dict[str, Any] = {"ids": [str(item["id"])]}
        if "objectWriteTraceId" in item:
            context["objectWriteTraceId"] = [item["objectWriteTraceId"]]
        inner = [{"message": message, "code": code}] if code else []
        return {"status": "error", "category": category, "message": message, "context": context, "errors": inner}

    @staticmethod
    def _multi(results: list[dict[str, Any]], errors: list[dict[str, Any]]) -> Reply:
        now = stamp(time.time())
        body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
        if errors:
            body |= {"numErrors": len(errors), "errors": errors}
        return Reply(207 if errors else 200, body)

    @staticmethod
    def _contact(row: Mapping[str, Any]) -> dict[str, Any]:
        created, updated = stamp(row["created_at"]), stamp(row["updated_at"])
        own = {"hs_object_id": row["id"], "createdate": created, "lastmodifieddate": updated}
        dates = {"createdAt": created, "updatedAt": updated}
        return {"id": row["id"], "properties": {**row["data"], **own}, **dates, "archived": False}


def stamp(seconds: float) -> str:
    """Return a timestamp as the API writes it."""
    return re.sub(r"000Z$", "Z", time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(seconds)))
