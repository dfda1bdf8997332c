"""HubSpot's companies: a domain is not unique, a property of one's own can be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from sandbox.api import Reply, Request, Route
from sandbox.faults import Kind
from sandbox.hubspot.records import DECLARED, MAX_GROUPS, MAX_VALUES, OWNED, RecordEndpoints
from sandbox.store import Record

COMPANIES = "companies"
ACCOUNT = "hubspot.companies"  #: whose records companies are in the store, beside the contacts
UNIQUE = "weft_company_id"  #: the one property that was created with unique values
DOMAIN = re.compile(r"^[^@\s/]+(\.[^@\s/.]+)+$")
SEARCH_CHARACTERS = 3_000
COMPANY_PROPERTIES = {
    *("name", "domain", "website", "phone", "industry", "city", "state", "zip", "country", "address", "description"),
    *("numberofemployees", "annualrevenue", "lifecyclestage", "hs_additional_domains", "hs_object_id", "createdate"),
    *("hs_lastmodifieddate", UNIQUE),
}


def company_routes(base: str, properties: str) -> list[Route]:
    """Return the routes of companies below one base address, and of their properties."""
    return [
        Route("GET", properties, "get_company_properties", "account"),
        Route("GET", base, "get_companies", "account"),
        Route("POST", f"{base}/batch/upsert", "upsert_companies", "account"),
        Route("POST", f"{base}/batch/create", "create_companies", "account"),
        Route("POST", f"{base}/batch/update", "update_companies", "account"),
        Route("POST", f"{base}/batch/read", "read_companies", "account"),
        Route("POST", f"{base}/search", "search_companies", "search"),
    ]


class CompanyEndpoints(RecordEndpoints):
    """Reading and writing companies."""

    def get_company_properties(self, request: Request) -> Reply:
        """Return the properties that companies have."""
        written = {name for row in self.store.records(ACCOUNT) for name in row["data"] if name.startswith(OWNED)}
        names = sorted(COMPANY_PROPERTIES | written | set(DECLARED))
        shown = [{"name": name, "type": "string", "hasUniqueValue": name == UNIQUE} for name in names]
        return Reply(200, {"results": shown})

    def get_companies(self, request: Request) -> Reply:
        """Return a page of companies."""
        limit = min(int(request.query.get("limit", "10")), 100)
        rows = self.store.records(ACCOUNT, after=request.query.get("after", ""), limit=limit + 1)
        body: dict[str, Any] = {"results": [self.contact(row) for row in rows[:limit]]}
        if len(rows) > limit:
            body["paging"] = {"next": {"after": rows[limit - 1]["id"]}}
        return Reply(200, body)

    def create_companies(self, request: Request) -> Reply:
        """Create at most 100 companies, whether or not there are some with the same domain."""
        inputs = self.inputs(request, named=False)
        return inputs if isinstance(inputs, Reply) else self._write_companies(inputs, None, create=True)

    def upsert_companies(self, request: Request) -> Reply:
        """Create or update at most 100 companies by a unique property."""
        inputs = self.inputs(request)
        return inputs if isinstance(inputs, Reply) else self._write_companies(inputs, (UNIQUE,), create=True)

    def update_companies(self, request: Request) -> Reply:
        """Update at most 100 companies by id or by a unique property."""
        inputs = self.inputs(request)
        return inputs if isinstance(inputs, Reply) else self._write_companies(inputs, (None, UNIQUE), create=False)

    def read_companies(self, request: Request) -> Reply:
        """Return at most 100 companies by id or by a unique property; missing ones make it a 207."""
        inputs = self.inputs(request)
        if isinstance(inputs, Reply):
            return inputs
        by = request.body.get("idProperty")
        if by not in (None, UNIQUE):
            return self.refuse(400, "invalid", f"{by} is not a unique property.")
        column = "external_id" if by else "id"
        names = [str(item["id"]) for item in inputs]
        found = self.store.find_records(ACCOUNT, column, names)
        missing = [name for name in names if name not in found]
        errors = []
        if missing:
            errors = [{"status": "error", "category": "OBJECT_NOT_FOUND", "context": {"ids": missing}}]
        wanted = request.body.get("properties") or ["name", "domain"]
        return self.multi([self.shown(row, wanted) for row in found.values()], errors)

    def search_companies(self, request: Request) -> Reply:
        """Return a page of the companies that fulfil all filters of any group."""
        groups = request.body.get("filterGroups") or []
        filters = [one for group in groups for one in group["filters"]]
        if request.size > SEARCH_CHARACTERS:
            return self.refuse(400, "invalid", f"A request may have {SEARCH_CHARACTERS} characters.")
        if len(groups) > MAX_GROUPS or any(len(one.get("values", ())) > MAX_VALUES for one in filters):
            return self.refuse(400, "invalid", f"At most {MAX_GROUPS} groups and {MAX_VALUES} values are allowed.")
        return self.page_of_search(request, self._candidates(filters), groups, request.body.get("properties"))

    def _candidates(self, filters: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the companies that can fulfil the filters: those with the domains, where these are asked for."""
        if len(filters) == 1 and filters[0]["propertyName"] == "domain" and filters[0]["operator"] == "IN":
            wanted = json.dumps([str(value).lower() for value in filters[0]["values"]])
            sql = "select * from records where account = ? and email in (select value from json_each(?)) order by id"
            rows = self.store.query(sql, ACCOUNT, wanted)
            return [row | {"data": json.loads(row["data"])} for row in rows]
        return self.store.records(ACCOUNT)

    def _write_companies(
        self, inputs: list[dict[str, Any]], by: tuple[str | None, ...] | None, *, create: bool
    ) -> Reply:
        refused = self._refused_companies(inputs, by)
        if refused is not None:
            return refused
        found = self._found_companies(inputs) if by else {}
        results, errors, written = [], [], []
        for item in inputs:
            row = found.get(str(item.get("id")))
            error = self._company_error(item)
            if error is None and row is None and not create:
                error = self.row_error(item, "OBJECT_NOT_FOUND", "The company does not exist.")
            if error:
                errors.append(error)
                continue
            data = {**(row["data"] if row else {}), **item["properties"]}
            if row is None and item.get("idProperty"):
                data[item["idProperty"]] = item["id"]
            data = {name: value for name, value in data.items() if value not in ("", None)}
            company_id = row["id"] if row else str(self.store.next_number("hubspot", 100_000_001))
            domain, external = str(data.get("domain", "")).lower(), str(data.get(UNIQUE, ""))
            written.append(Record(company_id, data, domain, "", external))
            trace = {"objectWriteTraceId": item["objectWriteTraceId"]} if "objectWriteTraceId" in item else {}
            properties = {**data, "hs_object_id": company_id}
            results.append({"id": company_id, "properties": properties, "new": row is None, "archived": False} | trace)
        self.store.put_records(ACCOUNT, written)
        self.store.add_members(self.name, COMPANIES, [(one.id, one.data) for one in written])
        if errors:
            self.store.note_refusal(self.name, COMPANIES, errors[0]["category"], "rows of a batch", len(errors))
        return self.multi(results, errors, created=by is None)

    def _found_companies(self, inputs: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        column = "external_id" if inputs[0].get("idProperty") else "id"
        return self.store.find_records(ACCOUNT, column, [str(item["id"]) for item in inputs])

    def _refused_companies(self, inputs: list[dict[str, Any]], by: tuple[str | None, ...] | None) -> Reply | None:
        for item in inputs:
            if by is not None and item.get("idProperty") not in by:
                message = f"Unable to perform update/upsert by non-unique 0-2 property {item.get('idProperty')}"
                return self.refuse(400, "invalid", message)
            if not isinstance(item.get("properties"), dict) or not item["properties"]:
                return self.refuse(400, "invalid", "No properties found to update, please provide at least one.")
            unknown = [
                name
                for name in sorted(item["properties"])
                if name not in COMPANY_PROPERTIES and not name.startswith(OWNED)
            ]
            if unknown:
                return self.no_property(unknown[0])
        return None

    def _company_error(self, item: Mapping[str, Any]) -> dict[str, Any] | None:
        domain = item["properties"].get("domain")
        if domain and not DOMAIN.match(str(domain)):
            return self.row_error(item, "VALIDATION_ERROR", f"{domain} is not a domain", "INVALID_DOMAIN")
        if self.faults.take(self.name, Kind.REFUSE_ROWS, text=json.dumps(item)):
            return self.row_error(item, "VALIDATION_ERROR", "The company was refused", "REFUSED")
        return None
