"""Iterable's endpoints as calls, without knowing of rows. All of them may be repeated.

Sources as in :mod:`reverse_etl.destinations.iterable.destination`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from reverse_etl.answers import Action, Response, Verdict, by_status
from reverse_etl.destinations.base import Limits
from reverse_etl.destinations.codes import inside, objects
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.http import HttpClient

#: "Max size of request body: 4MB", "5 requests/second, per project". How many users is not said; others send 1,000.
USERS = Limits(rows=1_000, bytes=3_990_000, calls_per_second=5, burst=5)
#: "10 requests/second, per project".
EVENTS = Limits(rows=1_000, bytes=3_990_000, calls_per_second=10, burst=10)
#: Neither rows nor pace of the two list endpoints are published: those of the users are kept to.
LISTS = Limits(rows=1_000, bytes=3_990_000, calls_per_second=5, burst=5)
#: "100 requests/second, per project" for the lists of a project.
LOOKS = Limits(rows=1, bytes=1, calls_per_second=100, burst=10)
#: "5 requests/minute, per project" for what is on a list.
READS = Limits(rows=1, bytes=1, calls_per_second=5 / 60, burst=1)

STATIC = "Standard"  #: the type of list that people can be put on

_KEY = "Make a server-side API key in the project, and set base_url to the project's region: api or api.eu."
_REFUSALS: Mapping[str, Verdict] = {
    "BadApiKey": Verdict(Action.REFUSE, "BadApiKey", "the API key is unknown or lacks the right", _KEY, expired=True),
    "Forbidden": Verdict(Action.REFUSE, "Forbidden", "this kind of API key may not make the call", _KEY),
    "UniqueFieldsLimitExceeded": Verdict(
        Action.REFUSE,
        "UniqueFieldsLimitExceeded",
        "the project has as many fields as it may have",
        "Leave columns out of the feed, or have Iterable raise the limit.",
    ),
}


def classify(response: Response) -> Verdict:
    """Judge an answer by its code, and wait as long as a spent rate limit says in the body."""
    if response.status == 429:
        wait = inside(response.body.get("params")).get("rateLimitReset")
        return replace(by_status(response), wait=float(wait) if isinstance(wait, int | float) else None)
    if response.status == 404:
        return Verdict(Action.REFUSE, "404", "the address does not know the call", _KEY)
    verdict = _REFUSALS.get(str(response.body.get("code"))) if response.status >= 300 else None
    return verdict or by_status(response)


class Calls:
    """The endpoints that are used."""

    def __init__(self, http: HttpClient) -> None:
        self.http = http

    def users(self, users: Sequence[Mapping[str, Any]]) -> Response:
        """Write profiles."""
        return self._post("/api/users/bulkUpdate", {"users": list(users)}, USERS)

    def events(self, events: Sequence[Mapping[str, Any]]) -> Response:
        """Write events; one whose id is there already is written over."""
        return self._post("/api/events/trackBulk", {"events": list(events)}, EVENTS)

    def put_on(self, list_id: int, people: Sequence[Mapping[str, Any]]) -> Response:
        """Put people on a list."""
        return self._post("/api/lists/subscribe", {"listId": list_id, "subscribers": list(people)}, LISTS)

    def take_off(self, list_id: int, people: Sequence[Mapping[str, Any]]) -> Response:
        """Take people off a list, and off nothing else.

        With ``channelUnsubscribe`` they would no longer get any message of the list's channel, so it is never true.
        """
        body = {"listId": list_id, "subscribers": list(people), "channelUnsubscribe": False}
        return self._post("/api/lists/unsubscribe", body, LISTS)

    def prove_list(self, list_id: int) -> None:
        """Make sure that the list is there and takes people.

        Raises:
            DestinationRefused: It is not, or does not.
        """
        answer = self._get("/api/lists", LOOKS, "lists")
        _refuse_unless_done(answer)
        kinds = {one.get("id"): str(one.get("listType")) for one in objects(answer.body.get("lists"))}
        if list_id not in kinds:
            raise DestinationRefused(
                f"Iterable has no list with the id {list_id}.",
                where="the exposure's sync block, field target",
                fix="Use the id that Iterable shows beside the list's name, and the key of the list's project.",
            )
        if kinds[list_id] != STATIC:
            raise DestinationRefused(
                f"List {list_id} is of the type {kinds[list_id]}, and only {STATIC} lists take people from a sync.",
                where="the exposure's sync block, field target",
                fix="Create a static list and use its id.",
            )

    def members(self, list_id: int, key: str) -> list[str]:
        """Return who is on a list, one name each."""
        params = {"listId": str(list_id), "preferUserId": "true" if key == "userId" else "false"}
        answer = self._get("/api/lists/getUsers", READS, "reads", params, text=True)
        _refuse_unless_done(answer)
        return [line.strip() for line in str(answer.data or "").splitlines() if line.strip()]

    def count(self, list_id: int) -> int | None:
        """Return how many are on a list."""
        answer = self._get(f"/api/lists/{list_id}/size", READS, "reads", text=True)
        _refuse_unless_done(answer)
        told = str(answer.data or "").strip().strip('"')
        return int(told) if told.isdecimal() else None

    def _post(self, path: str, body: Mapping[str, Any], pace: Limits) -> Response:
        return self.http.request(
            "POST", path, json=body, idempotent=True, bucket=path.rsplit("/", 1)[-1], pace=pace, classify=classify
        )

    def _get(
        self, path: str, pace: Limits, bucket: str, params: Mapping[str, str] | None = None, *, text: bool = False
    ) -> Response:
        return self.http.request(
            "GET",
            path,
            params=params,
            reads="text" if text else "json",
            idempotent=True,
            bucket=bucket,
            pace=pace,
            classify=classify,
        )


def _refuse_unless_done(answer: Response) -> None:
    if answer.status >= 300:
        raise BatchRefused(str(answer.status), "Iterable refused to tell")
