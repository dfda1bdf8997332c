"""One simulated HubSpot account that both sides deliver to, with the smallest plan's limit for all of its calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sandbox.api import Reply, Request, Route, Windows
from sandbox.app import Sandbox
from sandbox.hubspot.api import HubSpot
from sandbox.server import Running, listen
from sandbox.store import Store

CALLS, SECONDS = 100, 10  #: 100 calls in 10 seconds, whatever they are
_V3 = "/crm/v3/objects/contacts"


class _OneWindow(Windows):
    """Counts every call of the account in the same window, as HubSpot does for a private app."""

    def take(self, key: str, windows: tuple[tuple[float, float], ...]) -> tuple[float, int, int]:
        """Count one call, whatever it asks for."""
        return super().take("account", windows)


class PeerHubSpot(HubSpot):
    """The sandbox's HubSpot, which also takes contacts one by one, as the peer sends them."""

    routes = (
        *HubSpot.routes,
        Route("POST", _V3, "create_one", "account"),
        Route("PATCH", f"{_V3}/{{key}}", "update_one", "account"),
    )

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.windows = _OneWindow()

    def limits(self, name: str) -> tuple[tuple[float, float], ...]:
        """Return the daily and the ten-second window."""
        return ((86_400.0, 250_000.0), (float(SECONDS), float(CALLS)))

    def throttled(self, seconds: float) -> Reply:
        """Answer a call over the limit, and say when to come back."""
        reply = super().throttled(seconds)
        reply.headers["Retry-After"] = str(int(seconds + 0.999))
        return reply

    def limit_headers(self, name: str, remaining: int, reset: int) -> dict[str, str]:
        """Return the state of the window."""
        return super().limit_headers(name, remaining, reset) | {
            "X-HubSpot-RateLimit-Max": str(CALLS),
            "X-HubSpot-RateLimit-Daily": "250000",
        }

    def create_one(self, request: Request) -> Reply:
        """Create a contact; 409 where its address is taken."""
        request.rows = 1
        properties = request.body["properties"]
        if self.find("email", str(properties["email"])) is not None:
            return self.refuse(409, "CONFLICT", "Contact already exists.")
        return self._one(str(properties["email"]), properties)

    def update_one(self, request: Request) -> Reply:
        """Update the contact with that address."""
        request.rows = 1
        if request.query.get("idProperty") != "email" or self.find("email", request.args["key"]) is None:
            return self.refuse(404, "not_found", "resource not found")
        return self._one(request.args["key"], request.body["properties"])

    def _one(self, email: str, properties: Mapping[str, Any]) -> Reply:
        reply = self.upsert(_batch_of(email, properties))
        if reply.status != 200:
            return self.refuse(400, "invalid", "Property values were not valid.")
        return Reply(200, reply.body["results"][0])


def _batch_of(email: str, properties: Mapping[str, Any]) -> Request:
    item = {"id": email, "idProperty": "email", "properties": dict(properties)}
    return Request("POST", f"{_V3}/batch/upsert", {}, {}, {"inputs": [item]}, 0, "")


class Account:
    """What the simulator saw."""

    def __init__(self, running: Running) -> None:
        self._account = running.accounts["hubspot"]
        self.url = f"{running.url}/hubspot"
        self.environment = running.environment()

    def calls(self) -> tuple[int, int]:
        """Return how many calls were made so far, and how many of them were refused for their pace."""
        calls = self._account.calls
        return len(calls), sum(call["status"] == 429 for call in calls)

    def holds(self) -> dict[str, dict[str, Any]]:
        """Return every contact by its address."""
        return {record["email"]: record for record in self._account.records}


@contextmanager
def account() -> Iterator[Account]:
    """Serve an empty account from a thread of this process."""
    sandbox = Sandbox(Store(":memory:"))
    sandbox.apis["hubspot"] = hubspot = PeerHubSpot(sandbox.store, sandbox.faults, 1.0)
    hubspot.prepare()
    with Running(sandbox, listen(0)) as running:
        yield Account(running)
