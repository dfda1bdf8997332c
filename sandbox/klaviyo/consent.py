"""Klaviyo's endpoints that change consent or erase people: harm, when they are mistaken for list changes."""

from __future__ import annotations

from typing import Any

from sandbox.api import Api, Reply, Request, Route
from sandbox.klaviyo.profiles import Profiles


class ConsentEndpoints(Api):
    """Subscriptions, suppressions and erasure."""

    profiles: Profiles
    consent_routes = (
        Route("POST", "/api/profile-subscription-bulk-create-jobs", "subscribe", "L"),
        Route("POST", "/api/profile-subscription-bulk-delete-jobs", "unsubscribe", "L"),
        Route("POST", "/api/profile-suppression-bulk-create-jobs", "suppress", "L"),
        Route("POST", "/api/profile-suppression-bulk-delete-jobs", "unsuppress", "L"),
        Route("POST", "/api/data-privacy-deletion-jobs", "delete_person", "S"),
    )

    def subscribe(self, request: Request) -> Reply:
        """Subscribe to marketing: lifts every suppression."""
        return self._subscriptions(request, self.profiles.subscribe, 1_000)

    def unsubscribe(self, request: Request) -> Reply:
        """Unsubscribe: from everything, for profiles that are not in the list."""
        return self._subscriptions(request, self.profiles.unsubscribe, 100)

    def suppress(self, request: Request) -> Reply:
        """Suppress addresses."""
        return self._subscriptions(request, self.profiles.suppress, 100)

    def unsuppress(self, request: Request) -> Reply:
        """Lift suppressions."""
        return self._subscriptions(request, self.profiles.unsuppress, 100)

    def delete_person(self, request: Request) -> Reply:
        """Erase a person."""
        request.rows = 1
        profile = request.body["data"]["attributes"]["profile"]["data"]
        found = self.profiles.known(profile)
        if found:
            self.store.delete_record(self.name, found["id"])
        return Reply(202)

    def _subscriptions(self, request: Request, change: Any, most: int) -> Reply:
        profiles = request.body["data"]["attributes"]["profiles"]["data"]
        request.rows = len(profiles)
        if len(profiles) > most:
            return self.refuse(400, "invalid", f"At most {most} profiles are allowed.")
        related = request.body["data"].get("relationships", {}).get("list", {}).get("data") or {}
        change(profiles, related.get("id"))
        return Reply(202, {"data": {"type": request.body["data"]["type"], "id": "job"}})
