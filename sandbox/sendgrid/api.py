"""SendGrid's marketing API: contacts, their fields, and lists."""

from __future__ import annotations

import csv
import io
import time
import uuid
from collections.abc import Mapping
from typing import Any

from sandbox.api import Api, Reply, Request, Route
from sandbox.faults import Faults, Kind
from sandbox.sendgrid.jobs import ACCOUNT, EMAIL, IDENTIFIERS, Jobs
from sandbox.store import Store

MAX_CONTACTS, MAX_BODY, MAX_SEARCH = 30_000, 6_000_000, 100
LENGTHS = {
    **dict.fromkeys(("address_line_1", "address_line_2"), 100),
    **dict.fromkeys(("email", "external_id", "anonymous_id"), 254),
    **dict.fromkeys(("first_name", "last_name", "country", "state_province_region"), 50),
    "city": 60,
}
RESERVED = (
    *("first_name", "last_name", "email", "alternate_emails", "address_line_1", "address_line_2", "city"),
    *("state_province_region", "postal_code", "country", "phone_number", "whatsapp", "line", "facebook"),
    *("unique_name", "phone_number_id", "external_id", "anonymous_id"),
)
READ_ONLY = ("email_domains", "last_clicked", "last_opened", "last_emailed", "created_at", "updated_at", "contact_id")
CUSTOM = {"e1_T": ("tier", "Text"), "e2_N": ("lifetime_value", "Number"), "e3_D": ("last_order_on", "Date")}
FILES = "/files/"  #: stands for the storage provider: another host, with another way to prove who asks
SIGNATURE = "b2Rk"


class SendGrid(Api):
    """One SendGrid account with Marketing Campaigns."""

    name = ACCOUNT
    label = "SendGrid"
    key = "SG.demo-weft"
    list_id = "11111111-1111-4111-8111-111111111111"
    routes = (
        Route("PUT", "/v3/marketing/contacts", "upsert", "contacts"),
        Route("DELETE", "/v3/marketing/contacts", "delete", "contacts"),
        Route("GET", "/v3/marketing/contacts/imports/{job_id}", "get_job", "reads"),
        Route("POST", "/v3/marketing/contacts/search/emails", "search", "reads"),
        Route("GET", "/v3/marketing/field_definitions", "get_fields", "reads"),
        Route("GET", "/v3/marketing/lists/{list_id}", "get_list", "reads"),
        Route("GET", "/v3/marketing/lists/{list_id}/contacts/count", "get_count", "reads"),
        Route("DELETE", "/v3/marketing/lists/{list_id}/contacts", "take_off", "contacts"),
        Route("GET", "/files/{job_id}/errors.csv", "get_errors", "reads"),
    )

    def __init__(self, store: Store, faults: Faults, limit_scale: float, job_seconds: float = 0.4) -> None:
        super().__init__(store, faults, limit_scale, job_seconds)
        self.jobs = Jobs(store, faults, job_seconds)

    def prepare(self) -> None:
        """Create the demo account's list."""
        self.store.create_list(self.name, self.list_id, "Win-back")

    def advance(self) -> None:
        """Do the jobs whose time has come."""
        self.jobs.advance()

    def release(self) -> None:
        """Let stuck jobs go on."""
        self.jobs.release()

    def authenticate(self, request: Request) -> Reply | None:
        """Ask for the API key; the storage provider refuses who sends one beside the signature."""
        given = request.headers.get("authorization", "")
        if request.path.startswith(FILES):
            if given or request.query.get("X-Amz-Signature") != SIGNATURE:
                return Reply(400 if given else 403, "<Error><Code>InvalidArgument</Code></Error>")
            return None
        if given != f"Bearer {self.key}":
            return self.refuse(401, "", "authorization required")
        return None

    def refuse(self, status: int, code: str, message: str, **details: Any) -> Reply:
        """Return an error in the vendor's shape."""
        error = {"message": message, "field": details.get("field"), "error_id": code or None}
        return Reply(status, {"errors": [{name: value for name, value in error.items() if value is not None}]})

    def throttled(self, seconds: float) -> Reply:
        """Answer a call over the limit."""
        reply = Reply(429, {"errors": [{"field": None, "message": "too many requests"}]})
        reply.headers = self.limit_headers("", 0, max(int(seconds + 0.999), 1))
        return reply

    def limits(self, name: str) -> tuple[tuple[float, float], ...]:
        """Return a window that stands for the vendor's own, which it tells in headers alone."""
        return ((60.0, 600 * self.limit_scale),)

    def limit_headers(self, name: str, remaining: int, reset: int) -> dict[str, str]:
        """Return the state of the address's window; its end is a moment."""
        return {
            "X-RateLimit-Limit": str(int(600 * self.limit_scale)),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": str(int(time.time()) + reset),
        }

    # contacts

    def upsert(self, request: Request) -> Reply:
        """Queue an upsert of at most 30,000 contacts and 6 MB."""
        if request.size > MAX_BODY:
            return self.refuse(413, "", "the body is larger than 6MB")
        contacts, lists = request.body.get("contacts"), request.body.get("list_ids", [])
        if not isinstance(contacts, list) or not 1 <= len(contacts) <= MAX_CONTACTS:
            return self.refuse(400, "", f"between 1 and {MAX_CONTACTS} contacts", field="contacts")
        request.rows = len(contacts)
        for place, one in enumerate(contacts):
            problem = malformed(one)
            if problem:
                return self.refuse(400, "", problem[1], field=f"contacts[{place}].{problem[0]}")
        if any(self.store.get_list(self.name, str(list_id)) is None for list_id in lists):
            return self.refuse(404, "", "list not found", field="list_ids")
        return Reply(202, {"job_id": self.jobs.create("upsert", len(contacts), {"contacts": contacts, "lists": lists})})

    def delete(self, request: Request) -> Reply:
        """Delete contacts, or all of them."""
        ids = [one for one in request.query.get("ids", "").split(",") if one]
        if request.query.get("delete_all_contacts") == "true":
            ids = [row["id"] for row in self.store.records(self.name)]
        elif not ids:
            return self.refuse(400, "", "ids or delete_all_contacts is required")
        for contact_id in ids:
            self.store.delete_record(self.name, contact_id)
        return Reply(202, {"job_id": str(uuid.uuid4())})

    def search(self, request: Request) -> Reply:
        """Return the contacts with any of at most 100 addresses."""
        emails = request.body.get("emails")
        if not isinstance(emails, list) or not 1 <= len(emails) <= MAX_SEARCH:
            return self.refuse(400, "", f"between 1 and {MAX_SEARCH} emails", field="emails")
        request.rows = len(emails)
        wanted = [str(email).strip().lower() for email in emails if email]
        if any(not EMAIL.match(email) for email in wanted):
            return self.refuse(400, "", "an email is not valid", field="emails")
        rows = self.store.find_records(self.name, "email", wanted)
        if not rows:
            return self.refuse(404, "", "no contacts were found")
        lists = self._lists_of([row["id"] for row in rows.values()])
        result: dict[str, dict[str, Any]] = {
            email: {"contact": {**rows[email]["data"], "id": rows[email]["id"], "list_ids": lists[rows[email]["id"]]}}
            if email in rows
            else {"error": "contact not found"}
            for email in wanted
        }
        return Reply(200, {"result": result})

    def _lists_of(self, ids: list[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {contact_id: [] for contact_id in ids}
        for row in self.store.query("select id from lists where account = ?", self.name):
            for contact_id in self.store.find_members(self.name, row["id"], ids):
                found[contact_id].append(row["id"])
        return found

    def get_job(self, request: Request) -> Reply:
        """Return the state of an upsert; that of a removal from a list cannot be asked for."""
        job = self.jobs.get(request.args["job_id"])
        if job is None or job["payload"]["kind"] != "upsert":
            return self.refuse(404, "", "job not found")
        errors = job["result"].get("errors", [])
        results: dict[str, Any] = {name: value for name, value in job["result"].items() if name != "errors"}
        if job["finished_at"]:
            results["errored_count"] = len(errors)
        if errors:
            results["errors_url"] = f"{request.base_url}/files/{job['id']}/errors.csv?X-Amz-Signature={SIGNATURE}"
        return Reply(200, {"id": job["id"], "status": job["status"], "job_type": "upsert", "results": results})

    def get_errors(self, request: Request) -> Reply:
        """Return the file of a job's errors."""
        job = self.jobs.get(request.args["job_id"])
        if job is None:
            return Reply(404, "<Error><Code>NoSuchKey</Code></Error>")
        file = io.StringIO()
        writer = csv.writer(file)
        writer.writerow(["row", "email", "error"])
        writer.writerows([place, one["email"], one["message"]] for place, one in enumerate(job["result"]["errors"]))
        return Reply(200, file.getvalue(), {"Content-Type": "text/csv"})

    # fields and lists

    def get_fields(self, request: Request) -> Reply:
        """Return the account's own fields, and those that every account has."""
        custom = [{"id": field, "name": name, "field_type": kind} for field, (name, kind) in CUSTOM.items()]
        reserved: list[dict[str, Any]] = [
            {"id": f"_rf{place}_T", "name": name, "field_type": "Text"} for place, name in enumerate(RESERVED)
        ]
        reserved += [{"id": f"_ro_{name}", "name": name, "field_type": "Text", "read_only": True} for name in READ_ONLY]
        return Reply(200, {"custom_fields": custom, "reserved_fields": reserved})

    def get_list(self, request: Request) -> Reply:
        """Return a list."""
        row = self.store.get_list(self.name, request.args["list_id"])
        if row is None:
            return self.refuse(404, "", "list not found")
        count = self.store.count_members(self.name, row["id"])
        return Reply(200, {"id": row["id"], "name": row["name"], "contact_count": count})

    def get_count(self, request: Request) -> Reply:
        """Return how many contacts a list has."""
        if self.store.get_list(self.name, request.args["list_id"]) is None:
            return self.refuse(404, "", "list not found")
        count = self.store.count_members(self.name, request.args["list_id"])
        return Reply(200, {"contact_count": count, "billable_count": count})

    def take_off(self, request: Request) -> Reply:
        """Queue the removal of contacts from a list."""
        ids = [one for one in request.query.get("contact_ids", "").split(",") if one]
        request.rows = len(ids)
        if not ids:
            return self.refuse(400, "", "contact_ids is required", field="contact_ids")
        if self.store.get_list(self.name, request.args["list_id"]) is None:
            return self.refuse(404, "", "list not found")
        if len(self.store.find_records(self.name, "id", ids)) < len(set(ids)):
            return self.refuse(404, "", "contact not found")
        if self.faults.take(self.name, Kind.REFUSE_ROWS, text=",".join(ids)):
            return self.refuse(400, "", "the contacts were refused", field="contact_ids")
        job_id = self.jobs.create("removal", len(ids), {"list": request.args["list_id"], "ids": ids})
        return Reply(202, {"job_id": job_id})


def malformed(one: Any) -> tuple[str, str] | None:
    """Return why a whole call is refused because of a contact: field and message."""
    if not isinstance(one, dict):
        return "", "must be an object"
    if not any(one.get(name) for name in IDENTIFIERS):
        return "email", "one of email, phone_number_id, external_id or anonymous_id is required"
    for name, value in one.items():
        if name == "custom_fields":
            continue
        if name not in RESERVED:
            return name, "is not a field of a contact"
        if name == "alternate_emails":
            if not isinstance(value, list) or len(value) > 5:
                return name, "must be an array of at most 5"
        elif not isinstance(value, str):
            return name, "must be a string"
        elif len(value) > LENGTHS.get(name, 1_000):
            return name, "is too long"
    return _custom(one.get("custom_fields", {}))


def _custom(fields: Mapping[str, Any]) -> tuple[str, str] | None:
    for field, value in fields.items():
        if field not in CUSTOM:
            return "custom_fields", f'custom field "{field}" does not exist'
        if value is None:
            return "custom_fields", f'custom field "{field}" cannot be null'
        kind = CUSTOM[field][1]
        if kind == "Number" and (isinstance(value, bool) or not isinstance(value, int | float)):
            return "custom_fields", f'custom field "{field}" must be a number'
        if kind != "Number" and not isinstance(value, str):
            return "custom_fields", f'custom field "{field}" must be a string'
        if kind == "Date" and not value:
            return "custom_fields", f'custom field "{field}" must be a date'
    return None
