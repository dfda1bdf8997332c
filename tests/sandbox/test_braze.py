"""The Braze workspace behaves as the vendor says it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from sandbox.server import Running, start

Call = Callable[..., requests.Response]
GROUP = "e7c1a6f0-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with start() as served:
        yield served


@pytest.fixture
def braze(running: Running, client: Callable[..., Call]) -> Call:
    return client(f"{running.url}/braze", {"Authorization": "Bearer demo-weft-rest-key"})


def track(braze: Call, *attributes: Any, **arrays: Any) -> requests.Response:
    return braze("POST", "/users/track", {"attributes": list(attributes), **arrays})


def user(running: Running, **named: str) -> dict[str, Any]:
    [(column, value)] = named.items()
    return next((one for one in running.accounts["braze"].records if one.get(column) == value), {})


def test_attributes_are_written_counted_added_to_and_deleted(running: Running, braze: Call) -> None:
    first = track(braze, {"external_id": "a", "tier": "gold", "visits": 1, "likes": ["oak", "elm"]})
    track(braze, {"external_id": "a", "tier": None, "visits": {"inc": 2}, "likes": {"add": ["ash"], "remove": ["oak"]}})

    assert (first.status_code, first.json()) == (201, {"message": "success", "attributes_processed": 1})
    assert user(running, external_id="a") == {"external_id": "a", "visits": 3, "likes": ["elm", "ash"]}
    assert int(first.headers["X-RateLimit-Limit"]) == 300_000


def test_unknown_people_are_created_unless_the_call_says_not_to(running: Running, braze: Call) -> None:
    alias = {"user_alias": {"alias_name": "x", "alias_label": "crm"}}
    track(braze, {"external_id": "b", "_update_existing_only": True, "n": 1}, {**alias, "n": 1}, {"email": "b@x.de"})
    assert user(running, external_id="b") == {}
    assert user(running, email="b@x.de") == {"email": "b@x.de"}

    track(braze, {**alias, "_update_existing_only": False, "note": "first"})
    track(braze, {**alias, "more": "second"})
    assert user(running, note="first") == {"note": "first", "more": "second"}


def test_objects_are_refused_one_by_one_and_named_by_their_place(running: Running, braze: Call) -> None:
    reply = track(
        braze,
        {"external_id": "c"},
        {"external_id": "c", "email_subscribe": "yes"},
        {"tier": "gold"},
        {"external_id": "c", "user_alias": {"alias_name": "x", "alias_label": "y"}},
        {"email": "nobody"},
        events=[{"external_id": "c", "name": "visited", "time": "yesterday"}],
    )
    errors = reply.json()["errors"]

    assert reply.status_code == 201
    assert (reply.json()["attributes_processed"], "events_processed" in reply.json()) == (1, False)
    assert [(one["input_array"], one["index"]) for one in errors] == [
        *(("attributes", place) for place in (1, 2, 3, 4)),
        ("events", 0),
    ]
    assert errors[0]["type"] == "'email_subscribe' must be 'subscribed', 'unsubscribed', or 'opted_in'"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"attributes": []}, id="no objects"),
        pytest.param({"attributes": [{"tier": "gold"}]}, id="no valid object"),
        pytest.param({"attributes": {"external_id": "d"}}, id="no list"),
        pytest.param({"attributes": [{"external_id": f"d{n}"} for n in range(76)]}, id="76 objects"),
        pytest.param(
            {
                "attributes": [{"external_id": f"d{n}"} for n in range(40)],
                "events": [{"external_id": "d", "name": "x", "time": "2026-11-22T10:00:00Z"}] * 36,
            },
            id="76 objects in two arrays",
        ),
    ],
)
def test_a_bad_call_is_refused_whole(running: Running, braze: Call, body: Any) -> None:
    assert braze("POST", "/users/track", body).status_code == 400
    assert not [one for one in running.accounts["braze"].records if str(one.get("external_id", "")).startswith("d")]


def test_a_call_that_is_too_large_or_no_json_is_refused(running: Running, braze: Call) -> None:
    assert track(braze, {"external_id": "e", "note": "x" * 4_000_000}).status_code == 413
    key = {"Authorization": "Bearer demo-weft-rest-key"}
    form = requests.post(f"{running.url}/braze/users/track", data={"attributes": "x"}, headers=key, timeout=5)
    assert form.status_code == 400


def test_a_key_that_is_unknown_or_may_not_is_refused(braze: Call) -> None:
    assert braze("POST", "/users/track", {}, {"Authorization": "Bearer x"}).status_code == 401
    reading = {"Authorization": "Bearer demo-weft-reading-key"}
    assert braze("POST", "/users/track", {}, reading).status_code == 401
    states = {"subscription_group_id": GROUP, "external_id": "x"}
    assert braze("GET", "/subscription/status/get", headers=reading, **states).status_code == 200


def test_an_event_that_comes_twice_is_two(running: Running, braze: Call) -> None:
    happened = {"external_id": "f", "name": "visited", "time": "2026-11-22T10:00:00Z", "properties": {"event_id": "1"}}
    for _ in range(2):
        assert track(braze, events=[happened]).json()["events_processed"] == 1
    assert running.accounts["braze"].members("Events") == [happened, happened]
    assert user(running, external_id="f") == {"external_id": "f"}


def test_a_state_is_unknown_until_somebody_decides_and_can_be_set_back(braze: Call) -> None:
    def states(*ids: str) -> Any:
        query = {"subscription_group_id": GROUP, "external_id[]": list(ids)}
        return braze("GET", "/subscription/status/get", **query).json()["status"]

    def put(state: str, **whom: Any) -> int:
        group = {"subscription_group_id": GROUP, "subscription_state": state, **whom}
        return braze("POST", "/v2/subscription/status/set", {"subscription_groups": [group]}).status_code

    assert states("g1", "g2") == {"g1": "Unknown", "g2": "Unknown"}
    assert put("subscribed", external_ids=["g1", "g2"]) == 201
    assert put("unsubscribed", external_ids=["g1"]) == 201
    assert states("g1", "g2", "g3") == {"g1": "Unsubscribed", "g2": "Subscribed", "g3": "Unknown"}
    # the harm that the vendor does not keep anybody from
    assert put("subscribed", external_ids=["g1"]) == 201
    assert states("g1") == {"g1": "Subscribed"}
    track(braze, {"external_id": "g4", "email": "g4@example.com"})
    assert put("subscribed", emails=["g4@example.com"]) == 201
    assert states("g4") == {"g4": "Subscribed"}
    assert put("opted_in", external_ids=["g1"]) == 400
    assert put("subscribed", external_ids=[f"g{n}" for n in range(51)]) == 400
    assert put("subscribed", emails=["a@b.de"], phones=["+491"]) == 400
    assert put("subscribed", external_ids=["g1"], subscription_group_id="gone") == 400


def test_calls_over_the_limit_are_put_off(client: Callable[..., Call]) -> None:
    with start(limit_scale=0.001) as slow:
        braze = client(f"{slow.url}/braze", {"Authorization": "Bearer demo-weft-rest-key"})
        replies = [track(braze, {"external_id": "h"}) for _ in range(8)]
    assert 429 in [reply.status_code for reply in replies]
    last = next(reply for reply in replies if reply.status_code == 429)
    assert int(last.headers["X-RateLimit-Retry-After"]) >= 1
