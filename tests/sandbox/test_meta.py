"""The Meta ad account behaves as the vendor says it does."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from sandbox.server import Running

Call = Callable[..., requests.Response]
AUDIENCE = "/120000000000001"
USERS = f"{AUDIENCE}/users"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def users(*people: list[Any], schema: tuple[str, ...] = ("EXTERN_ID", "EMAIL")) -> dict[str, Any]:
    return {"payload": {"schema": list(schema), "data": list(people)}, "session": {"session_id": 7, "batch_seq": 1}}


def person(name: str) -> list[str]:
    return [name, sha256(f"{name}@example.com")]


def test_members_are_added_once_and_removed(sandbox: Running, meta: Call) -> None:
    first = meta("POST", USERS, users(person("p1"), person("p2"))).json()
    meta("POST", USERS, users(person("p1")))
    assert sandbox.accounts["meta"].lists["120000000000001"] == 2
    assert (first["num_received"], first["num_invalid_entries"], first["session_id"]) == (2, 0, "7")

    meta("DELETE", USERS, users(person("p1")))
    meta("DELETE", USERS, users([sha256("p2@example.com")], schema=("EMAIL",)))
    assert sandbox.accounts["meta"].lists["120000000000001"] == 0


def test_unhashed_entries_are_counted_but_not_all_named(sandbox: Running, meta: Call) -> None:
    plain = [[f"p{n}", f"p{n}@example.com"] for n in range(8)]
    reply = meta("POST", USERS, users(person("good"), *plain))

    assert reply.status_code == 200
    assert (reply.json()["num_received"], reply.json()["num_invalid_entries"]) == (9, 8)
    assert len(reply.json()["invalid_entry_samples"]) < 8
    assert sandbox.accounts["meta"].lists["120000000000001"] == 1


def test_a_form_with_the_token_in_it_is_taken_too(sandbox: Running) -> None:
    form = {"access_token": "demo-weft-token", "payload": json.dumps(users(person("p1"))["payload"])}
    assert requests.post(f"{sandbox.url}/meta/v25.0{USERS}", data=form, timeout=5).json()["num_received"] == 1


def test_an_audience_tells_only_rough_sizes(meta: Call) -> None:
    fields = "name,approximate_count_lower_bound,approximate_count_upper_bound,operation_status,delivery_status"
    reply = meta("GET", AUDIENCE, fields=fields)

    assert reply.json() == {
        "id": "120000000000001",
        "name": "Lapsing customers",
        "approximate_count_lower_bound": 1000,
        "approximate_count_upper_bound": 1000,
        "operation_status": {"code": 200, "description": "Normal"},
        "delivery_status": {"code": 300, "description": "Audience too small."},
    }
    usage = json.loads(reply.headers["X-Business-Use-Case-Usage"])
    assert usage["8420"][0]["type"] == "custom_audience"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(users(*[[f"p{n}"] for n in range(10_001)], schema=("EXTERN_ID",)), (100, None), id="10,001 rows"),
        pytest.param(users(["p1"]), (100, None), id="row shorter than the schema"),
        pytest.param(users(["x"], schema=("SHOE_SIZE",)), (100, None), id="unknown key"),
        pytest.param({}, (100, None), id="no payload"),
    ],
)
def test_a_bad_call_is_refused_whole(sandbox: Running, meta: Call, body: Any, code: tuple[int, int | None]) -> None:
    reply = meta("POST", USERS, body)

    assert reply.status_code == 400
    assert (reply.json()["error"]["code"], reply.json()["error"].get("error_subcode")) == code
    assert sandbox.accounts["meta"].lists["120000000000001"] == 0


def test_unknown_audiences_versions_and_tokens_are_refused(sandbox: Running, meta: Call) -> None:
    unknown = meta("GET", "/999", fields="name").json()["error"]
    assert (unknown["code"], unknown["error_subcode"]) == (100, 33)
    other = {"Authorization": "Bearer nobody"}
    assert meta("GET", AUDIENCE, headers=other).json()["error"]["code"] == 190
    old = requests.get(
        f"{sandbox.url}/meta/v12.0{AUDIENCE}", headers={"Authorization": "Bearer demo-weft-token"}, timeout=5
    )
    assert old.json()["error"]["code"] == 2635


def test_a_flagged_audience_can_be_read_but_not_changed(sandbox: Running, meta: Call) -> None:
    sandbox.fault("audience_flagged")
    assert meta("GET", AUDIENCE, fields="operation_status").json()["operation_status"]["code"] == 471
    refused = meta("POST", USERS, users(person("p1"))).json()["error"]
    assert (refused["code"], refused["error_subcode"]) == (100, 1713230)


def test_removal_from_a_small_audience_is_refused_when_asked_for(sandbox: Running, meta: Call) -> None:
    meta("POST", USERS, users(person("p1")))
    sandbox.fault("audience_too_small", "meta")
    refused = meta("DELETE", USERS, users(person("p1"))).json()["error"]
    assert (refused["code"], refused["error_subcode"]) == (200, 1870047)
    assert sandbox.accounts["meta"].lists["120000000000001"] == 1


EVENTS = "/130000000000001/events"


def event(event_id: str = "e1", **changes: Any) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "event_name": "Purchase",
        "event_time": int(time.time()) - 60,
        "action_source": "physical_store",
        "user_data": {"em": [sha256("anna@example.com")]},
        "custom_data": {"value": 5, "currency": "EUR"},
    } | changes


def test_events_are_taken_all_or_none(sandbox: Running, meta: Call) -> None:
    reply = meta("POST", EVENTS, {"data": [event("a"), event("b")], "test_event_code": "TEST1"})
    assert (reply.json()["events_received"], reply.json()["messages"]) == (2, [])

    refused = meta("POST", EVENTS, {"data": [event("c"), event("d", event_name="")]})
    assert refused.status_code == 400
    assert sandbox.accounts["meta"].lists["130000000000001"] == 2


def test_two_alike_events_of_a_server_are_two(sandbox: Running, meta: Call) -> None:
    meta("POST", EVENTS, {"data": [event("a")]})
    meta("POST", EVENTS, {"data": [event("a")]})
    assert sandbox.accounts["meta"].lists["130000000000001"] == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"event_time": int(time.time()) - 63 * 86_400},
        {"event_time": int(time.time()) - 8 * 86_400, "action_source": "email"},
        {"event_time": int(time.time()) * 1_000},
        {"event_time": "now"},
        {"action_source": "shop"},
        {"action_source": "website"},
        {"user_data": {}},
        {"user_data": {"client_user_agent": "ua"}},
        {"user_data": {"em": ["anna@example.com"]}},
        {"user_data": {"email": [sha256("anna@example.com")]}},
        {"custom_data": {"value": 5}},
        {"custom_data": {"value": "five", "currency": "EUR"}},
        {"shoe_size": 43},
    ],
)
def test_an_event_that_the_documents_do_not_allow_is_refused(sandbox: Running, meta: Call, changes: Any) -> None:
    reply = meta("POST", EVENTS, {"data": [event(**changes)]})

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, 100)
    assert sandbox.accounts["meta"].lists["130000000000001"] == 0


def test_more_than_a_thousand_events_are_refused(meta: Call) -> None:
    assert meta("POST", EVENTS, {"data": [event(str(n)) for n in range(1_001)]}).status_code == 400
    assert meta("POST", EVENTS, {"data": []}).status_code == 400
    assert meta("POST", "/120000000000001/events", {"data": [event()]}).status_code == 400
