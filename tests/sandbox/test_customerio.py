"""The Customer.io workspace behaves as the vendor says it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from sandbox.server import Running, start

Call = Callable[..., requests.Response]


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with start() as running:
        yield running


@pytest.fixture
def call(running: Running, client: Callable[..., Call]) -> Call:
    return client(f"{running.url}/customerio", {"Authorization": "Basic ZGVtby1zaXRlOmRlbW8td2VmdC10cmFjay1rZXk="})


def identify(person: str, **attributes: Any) -> dict[str, Any]:
    return {"type": "person", "action": "identify", "identifiers": {"id": person}, "attributes": attributes}


def event(**changes: Any) -> dict[str, Any]:
    base = {"type": "person", "action": "event", "identifiers": {"id": "u1"}, "name": "order", "attributes": {}}
    return {**base, **changes}


def test_the_others_of_a_batch_are_taken_and_the_refused_named_by_place(running: Running, call: Call) -> None:
    batch = [identify("good"), {**identify("x"), "identifiers": {}}, event(name=" "), identify("fine")]
    reply = call("POST", "/api/v2/batch", {"batch": batch})

    assert reply.status_code == 207
    assert [(one["batch_index"], one["reason"], one["field"]) for one in reply.json()["errors"]] == [
        (1, "required", "identifiers"),
        (2, "required", "name"),
    ]
    assert {"good", "fine"} <= {one["id"] for one in running.accounts["customerio"].records}


@pytest.mark.parametrize(
    "operation",
    [
        {**identify("u"), "identifiers": {"id": "u", "email": "u@example.com"}},
        {**identify("u"), "identifiers": {"id": 7}},
        {**identify("u"), "identifiers": {"email": "nobody"}},
        {**identify("u"), "identifiers": {"phone": "0170 1234567"}},
        {**identify("u"), "type": "customer"},
        {**identify("u"), "action": "upsert"},
        identify("u", **{f"a{n}": n for n in range(301)}),
        identify("u", **{"a" * 151: 1}),
        identify("u", note="x" * 1_001),
        identify("u", many=["x" * 1_000] * 40),
        event(id="not-a-ulid"),
        event(timestamp="2026-11-20"),
        event(name="x" * 101),
        event(attributes=[]),
    ],
)
def test_what_the_vendor_does_not_take_is_refused(call: Call, operation: dict[str, Any]) -> None:
    assert call("POST", "/api/v2/batch", {"batch": [operation]}).status_code == 207
    assert call("POST", "/api/v2/entity", operation).status_code == 400


@pytest.mark.parametrize(
    "body", [{}, {"batch": []}, {"batch": {}}, [], {"batch": [identify("u", n=["x" * 900] * 30)] * 20}]
)
def test_a_batch_that_is_none_or_too_large_is_refused_whole(call: Call, body: Any) -> None:
    reply = call("POST", "/api/v2/batch", body)
    assert (reply.status_code, list(reply.json())) == (400, ["errors"])


def test_empty_values_remove_attributes_and_others_stay(running: Running, call: Call) -> None:
    call("POST", "/api/v2/batch", {"batch": [identify("clear", city="Bonn", tier="gold", plan="b")]})
    call("POST", "/api/v2/batch", {"batch": [identify("clear", city=None, tier="")]})

    assert {"id": "clear", "plan": "b"} in running.accounts["customerio"].records


def test_an_update_makes_nobody(running: Running, call: Call) -> None:
    call("POST", "/api/v2/batch", {"batch": [identify("nobody", _update=True, city="Bonn")]})

    assert "nobody" not in {one["id"] for one in running.accounts["customerio"].records}


def test_an_event_is_known_again_by_its_id(running: Running, call: Call) -> None:
    one = event(id="01BX5ZZKBKACTAV9WEVGEMMVRY")
    for _ in range(2):
        assert call("POST", "/api/v2/batch", {"batch": [one, one]}).status_code == 200

    assert running.accounts["customerio"].lists["events"] == 1


def test_who_is_deleted_or_suppressed_is_gone(running: Running, call: Call) -> None:
    call("POST", "/api/v2/batch", {"batch": [identify("gone1"), identify("gone2")]})
    for person, action in (("gone1", "delete"), ("gone2", "suppress")):
        operation = {"type": "person", "action": action, "identifiers": {"id": person}}
        assert call("POST", "/api/v2/entity", operation).status_code == 200

    assert not {"gone1", "gone2"} & {one["id"] for one in running.accounts["customerio"].records}


def test_a_manual_segment_takes_a_thousand_ids(running: Running, call: Call) -> None:
    ids = [f"s{n}" for n in range(1_000)]
    assert call("POST", "/api/v1/segments/7/add_customers", {"ids": ids}).status_code == 200
    assert running.accounts["customerio"].lists["7"] == 1_000
    assert call("POST", "/api/v1/segments/7/remove_customers", {"ids": ids}).json() == {}
    assert running.accounts["customerio"].lists["7"] == 0

    assert call("POST", "/api/v1/segments/7/add_customers", {"ids": [*ids, "more"]}).status_code == 400
    assert call("POST", "/api/v1/segments/7/add_customers", {"ids": []}).status_code == 400
    assert call("POST", "/api/v1/segments/8/add_customers", {"ids": ids}).status_code == 404


def test_the_wrong_key_is_refused_and_the_right_one_knows_its_region(running: Running, call: Call) -> None:
    assert call("GET", "/api/v1/accounts/region").json()["region"] == "us"
    assert requests.get(f"{running.url}/customerio/api/v1/accounts/region", timeout=5).status_code == 401
    assert call("POST", "/api/v2/batch", {"batch": []}, {"Authorization": "Basic eDp5"}).status_code == 401
