"""The Iterable project behaves as the vendor says it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from sandbox.server import Running, start

Call = Callable[..., requests.Response]
LIST = 410001


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with start() as served:
        yield served


@pytest.fixture
def iterable(running: Running, client: Callable[..., Call]) -> Call:
    return client(f"{running.url}/iterable/api", {"Api-Key": "demo-weft-server-key"})


def update(iterable: Call, *users: Any, **more: Any) -> Any:
    return iterable("POST", "/users/bulkUpdate", {"users": list(users), **more}).json()


def record(running: Running, email: str) -> dict[str, Any]:
    return next((one for one in running.accounts["iterable"].records if one.get("email") == email), {})


def test_profiles_are_merged_by_field_and_objects_only_when_asked(running: Running, iterable: Call) -> None:
    def write(merge: bool, **fields: Any) -> dict[str, Any]:
        told = update(iterable, {"email": " A@x.de", "dataFields": fields, "mergeNestedObjects": merge})
        assert (told["successCount"], told["failCount"]) == (1, 0)
        return record(running, "a@x.de") or record(running, "A@x.de")

    write(False, tier="gold", address={"city": "Bonn", "zip": "53111"})
    assert write(True, address={"city": "Köln"})["address"] == {"city": "Köln", "zip": "53111"}
    assert write(False, address={"city": "Ulm"})["address"] == {"city": "Ulm"}
    assert "tier" not in write(False, tier=None)


def test_rows_are_refused_by_name_and_by_reason(iterable: Call) -> None:
    iterable("POST", "/users/forget", {"email": "gone@x.de"})
    told = update(
        iterable,
        {"email": "good@x.de"},
        {"email": "nobody"},
        {"userId": "größe"},
        {"email": "gone@x.de"},
        {"email": "b@x.de", "dataFields": {"email": "nobody"}},
    )
    assert (told["successCount"], told["failCount"]) == (1, 4)
    assert {why: names for why, names in told["failedUpdates"].items() if names} == {
        "invalidEmails": ["nobody"],
        "invalidUserIds": ["größe"],
        "forgottenEmails": ["gone@x.de"],
        "invalidDataEmails": ["b@x.de"],
    }


def test_a_field_keeps_its_type_and_new_fields_can_be_dropped(running: Running, iterable: Call) -> None:
    update(iterable, {"email": "c@x.de", "dataFields": {"age": 4}})
    assert (
        update(iterable, {"email": "c@x.de", "dataFields": {"age": "four"}})["code"] == "RequestFieldsTypesMismatched"
    )

    told = update(iterable, {"email": "c@x.de", "dataFields": {"shoe": 42}}, createNewFields=False)
    assert (told["successCount"], told["filteredOutFields"]) == (1, ["shoe"])
    assert record(running, "c@x.de") == {"email": "c@x.de", "age": 4}
    assert iterable("GET", "/users/getFields").json()["fields"]["age"] == "number"


def test_people_go_on_a_list_and_off_it(running: Running, iterable: Call) -> None:
    people = [{"email": "d1@x.de"}, {"userId": "d2", "preferUserId": True}]
    told = iterable("POST", "/lists/subscribe", {"listId": LIST, "subscribers": people}).json()
    assert (told["successCount"], iterable("GET", f"/lists/{LIST}/size").text) == (2, "2")
    assert iterable("GET", "/lists/getUsers", listId=str(LIST)).text.splitlines() == ["d1@x.de", "d2"]

    off = {"listId": LIST, "subscribers": [{"email": "d1@x.de"}, {"email": "who@x.de"}], "channelUnsubscribe": False}
    told = iterable("POST", "/lists/unsubscribe", off).json()
    assert (told["failCount"], told["failedUpdates"]["notFoundEmails"]) == (1, ["who@x.de"])
    assert (iterable("GET", f"/lists/{LIST}/size").text, record(running, "d1@x.de")) == ("1", {"email": "d1@x.de"})
    # the harm: off the list's channel as well
    iterable("POST", "/lists/unsubscribe", {**off, "channelUnsubscribe": True})
    assert record(running, "d1@x.de")["unsubscribedChannelIds"] == [1]


def test_only_known_people_are_put_on_a_list_where_the_call_says_so(iterable: Call) -> None:
    body = {"listId": LIST, "subscribers": [{"email": "e@x.de"}], "updateExistingUsersOnly": True}
    told = iterable("POST", "/lists/subscribe", body).json()
    assert (told["successCount"], told["failedUpdates"]["notFoundEmails"]) == (0, ["e@x.de"])


def test_an_event_with_an_id_is_written_over(running: Running, iterable: Call) -> None:
    for amount in (1, 2):
        one = {"email": "f@x.de", "eventName": "bought", "id": "1", "dataFields": {"amount": amount}}
        assert iterable("POST", "/events/trackBulk", {"events": [one]}).json()["successCount"] == 1
    [kept] = running.accounts["iterable"].members("Events")
    assert kept["dataFields"] == {"amount": 2}


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/users/bulkUpdate", {"users": [{"dataFields": {}}]}, "BadParams"),
        ("/users/bulkUpdate", {"users": {}}, "BadParams"),
        ("/users/bulkUpdate", {}, "BadParams"),
        ("/users/bulkUpdate", {"users": [{"email": f"{n}@x.de"} for n in range(1_001)]}, "BatchTooLarge"),
        ("/lists/subscribe", {"listId": 419999, "subscribers": []}, "BadParams"),
        ("/lists/subscribe", {"listId": 410002, "subscribers": []}, "BadParams"),
        ("/events/trackBulk", {"events": [{"email": "g@x.de"}]}, "BadParams"),
        ("/events/trackBulk", {"events": [{"email": "g@x.de", "eventName": "x", "createdAt": "now"}]}, "BadParams"),
        ("/events/trackBulk", {"events": [{"email": "g@x.de", "eventName": "x", "id": "x" * 513}]}, "BadParams"),
    ],
)
def test_a_bad_call_is_refused_whole(iterable: Call, path: str, body: Any, code: str) -> None:
    reply = iterable("POST", path, body)
    assert (reply.status_code, reply.json()["code"]) == (400, code)


def test_an_unknown_key_and_too_large_a_body_are_refused(iterable: Call) -> None:
    refused = iterable("GET", "/lists", headers={"Api-Key": "x"})
    assert (refused.status_code, refused.json()["code"]) == (401, "BadApiKey")
    large = iterable(
        "POST", "/users/bulkUpdate", {"users": [{"email": "h@x.de", "dataFields": {"x": "x" * 4_000_000}}]}
    )
    assert large.status_code == 413


def test_calls_over_the_limit_are_told_how_long_to_wait(client: Callable[..., Call]) -> None:
    with start(limit_scale=1) as strict:
        iterable = client(f"{strict.url}/iterable/api", {"Api-Key": "demo-weft-server-key"})
        replies = [iterable("GET", f"/lists/{LIST}/size") for _ in range(7)]
    last = next(reply.json() for reply in replies if reply.status_code == 429)
    assert (last["code"], 1 <= last["params"]["rateLimitReset"] <= 60) == ("RateLimitExceeded", True)
