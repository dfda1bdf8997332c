"""HubSpot's lists and their memberships, by record id."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sandbox.api import Reply, Request, Route
from sandbox.faults import Kind
from sandbox.hubspot.records import LIST, RecordEndpoints, stamp

STATIC, DYNAMIC = "201", "202"
SHADOWS = (LIST, "companies")  #: what the page shows as lists, and HubSpot does not have as ones


def list_routes(base: str) -> list[Route]:
    """Return the routes of lists below one base address."""
    return [
        Route("GET", f"{base}/{{list_id}}", "get_list", "account"),
        Route("GET", f"{base}/{{list_id}}/memberships", "get_memberships", "account"),
        Route("PUT", f"{base}/{{list_id}}/memberships/add", "add_memberships", "account"),
        Route("PUT", f"{base}/{{list_id}}/memberships/remove", "remove_memberships", "account"),
        Route("PUT", f"{base}/{{list_id}}/memberships/add-and-remove", "change_memberships", "account"),
        Route("DELETE", f"{base}/{{list_id}}/memberships", "remove_all", "account"),
    ]


class ListEndpoints(RecordEndpoints):
    """Who is on a list. All but the one that HubSpot fills by itself are static."""

    def get_list(self, request: Request) -> Reply:
        """Return a list's definition."""
        row = self._list(request)
        if row is None:
            return self._no_list(request)
        shown = {
            "listId": row["id"],
            "listVersion": 1,
            "name": row["name"],
            "objectTypeId": "0-1",
            "processingStatus": "COMPLETE",
            "processingType": "DYNAMIC" if row["id"] == DYNAMIC else "MANUAL",
            "createdAt": stamp(row["created_at"]),
            "updatedAt": stamp(row["created_at"]),
        }
        return Reply(200, {"list": shown})

    def get_memberships(self, request: Request) -> Reply:
        """Return a page of the ids of a list's members."""
        row = self._list(request)
        if row is None:
            return self._no_list(request)
        limit = min(int(request.query.get("limit", "100")), 250)
        found = self.store.members(self.name, row["id"], after=request.query.get("after", ""), limit=limit + 1)
        page = [{"recordId": one["member_id"], "membershipTimestamp": stamp(one["added_at"])} for one in found[:limit]]
        body: dict[str, Any] = {"results": page}
        if len(found) > limit:
            body["paging"] = {"next": {"after": found[limit - 1]["member_id"]}}
        return Reply(200, body)

    def add_memberships(self, request: Request) -> Reply:
        """Add records; those that do not exist are told, those that are members already are ignored."""
        return self._change(request, request.body, [])

    def remove_memberships(self, request: Request) -> Reply:
        """Remove records; those that do not exist are told, those that are no members are ignored."""
        return self._change(request, [], request.body)

    def change_memberships(self, request: Request) -> Reply:
        """Add some records and remove others."""
        return self._change(request, request.body["recordIdsToAdd"], request.body["recordIdsToRemove"])

    def remove_all(self, request: Request) -> Reply:
        """Remove every member."""
        # the harm: a list that is sent to, or kept from being sent to, is empty, and nobody knows who was on it
        row = self._list(request)
        if row is None:
            return self._no_list(request)
        self.store.remove_members(
            self.name, row["id"], [one["member_id"] for one in self.store.members(self.name, row["id"])]
        )
        return Reply(204)

    def _change(self, request: Request, to_add: Any, to_remove: Any) -> Reply:
        row = self._list(request)
        if row is None:
            return self._no_list(request)
        if not all(isinstance(ids, list) and all(isinstance(one, str) for one in ids) for ids in (to_add, to_remove)):
            return self.refuse(400, "invalid", "A list of record ids, which are texts, is required.")
        request.rows = len(to_add) + len(to_remove)
        if row["id"] == DYNAMIC:
            return self.refuse(400, "invalid", "Memberships of a DYNAMIC list cannot be changed.")
        if self.faults.take(self.name, Kind.REFUSE_ROWS, text=json.dumps([*to_add, *to_remove])):
            return self.refuse(400, "invalid", "A record was refused.")
        known = self.store.find_records(self.name, "id", [*to_add, *to_remove])
        members = self.store.find_members(self.name, row["id"], [*to_add, *to_remove])
        added = [one for one in dict.fromkeys(to_add) if one in known and one not in members]
        removed = [one for one in dict.fromkeys(to_remove) if one in members]
        self.store.add_members(self.name, row["id"], [(one, None) for one in added])
        self.store.remove_members(self.name, row["id"], removed)
        body = {
            "recordsIdsAdded": added,
            "recordIdsRemoved": removed,
            "recordIdsMissing": _without([*to_add, *to_remove], known),
        }
        return Reply(200, body)

    def _list(self, request: Request) -> dict[str, Any] | None:
        list_id = request.args["list_id"]
        return None if list_id in SHADOWS else self.store.get_list(self.name, list_id)

    def _no_list(self, request: Request) -> Reply:
        return self.refuse(404, "not_found", f"List does not exist with ID {request.args['list_id']}.")


def _without(ids: Sequence[str], known: Any) -> list[str]:
    return [one for one in dict.fromkeys(ids) if one not in known]
