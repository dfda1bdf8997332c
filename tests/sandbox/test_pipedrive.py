"""The simulated Pipedrive refuses what Pipedrive refuses, and does not what it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.pipedrive.api import Pipedrive
from sandbox.pipedrive.persons import code
from sandbox.server import Running, start

from .conftest import Call

PERSONS = "/api/v2/persons"
KEY = {"x-api-token": Pipedrive.key}


@pytest.fixture(scope="module")
def shared() -> Iterator[Running]:
    with start() as running:
        yield running


@pytest.fixture
def sandbox(shared: Running) -> Running:
    shared.sandbox.reset()
    return shared


@pytest.fixture
def pipedrive(sandbox: Running, client: Callable[..., Call]) -> Call:
    return client(f"{sandbox.url}/pipedrive", KEY)


def ann(**more: Any) -> dict[str, Any]:
    return {"name": "Ann", "emails": [{"value": "Ann@example.com", "primary": True}], **more}


@pytest.mark.parametrize(
    "body",
    [
        {"emails": [{"value": "ann@example.com"}]},
        ann(shoe_size=42),
        ann(org_id="7"),
        {"name": "Ann", "emails": ["ann@example.com"]},
        {"name": "Ann", "emails": [{"value": "not-an-address"}]},
        ann(custom_fields={"0" * 40: 1}),
        ann(custom_fields={code("Weft tier"): "gold"}),
        ann(custom_fields={code("Weft interests"): []}),
        ann(custom_fields={code("Weft lifetime value"): "12"}),
        ann(custom_fields={code("Weft joined on"): "soon"}),
        ann(custom_fields={code("Weft revenue"): 12}),
    ],
)
def test_a_person_with_something_wrong_is_refused(pipedrive: Call, body: Any) -> None:
    reply = pipedrive("POST", PERSONS, body)
    assert (reply.status_code, reply.json()["success"]) == (400, False)


def test_two_persons_may_have_one_address_and_the_exact_search_finds_both(pipedrive: Call) -> None:
    ids = {pipedrive("POST", PERSONS, ann()).json()["data"]["id"] for _ in range(2)}
    pipedrive("POST", PERSONS, {"name": "Joann", "emails": [{"value": "joann@example.com"}]})
    asked = {"fields": "email", "exact_match": "true"}

    found = pipedrive("GET", f"{PERSONS}/search", term="ann@EXAMPLE.com", **asked).json()["data"]["items"]
    assert {one["item"]["id"] for one in found} == ids
    assert len(pipedrive("GET", f"{PERSONS}/search", term="ann@example", fields="email").json()["data"]["items"]) == 3
    assert pipedrive("GET", f"{PERSONS}/search", term="a").status_code == 400


def test_a_list_that_is_written_takes_the_place_of_the_one_before_and_null_empties(pipedrive: Call) -> None:
    tier = code("Weft tier")
    numbers = [{"value": "+491"}, {"value": "+492"}]
    made = pipedrive("POST", PERSONS, ann(phones=numbers, custom_fields={tier: 31})).json()["data"]
    body = {"phones": [{"value": "+493"}], "custom_fields": {tier: None}}
    left = pipedrive("PATCH", f"{PERSONS}/{made['id']}", body).json()["data"]

    assert (left["phones"], left["custom_fields"][tier], left["name"]) == ([{"value": "+493"}], None, "Ann")
    assert pipedrive("PATCH", f"{PERSONS}/999", body).status_code == 404


def test_fields_are_told_page_by_page_with_their_options(pipedrive: Call) -> None:
    first = pipedrive("GET", "/api/v2/personFields", limit="4").json()
    cursor = first["additional_data"]["next_cursor"]
    second = pipedrive("GET", "/api/v2/personFields", limit="100", cursor=cursor).json()

    assert second["additional_data"]["next_cursor"] is None
    told = {one["field_name"]: one for one in first["data"] + second["data"]}
    assert [one["label"] for one in told["Weft tier"]["options"]] == ["bronze", "silver", "gold"]
    assert not told["Name"]["is_custom_field"]


def test_a_day_has_so_many_tokens_and_a_search_costs_most(client: Callable[..., Call]) -> None:
    with start(limit_scale=0.0002) as sandbox:  # 120 tokens
        api = sandbox.sandbox.apis["pipedrive"]
        api.limits = lambda name: ((2.0, 100.0),)  # type: ignore[method-assign]
        pipedrive = client(f"{sandbox.url}/pipedrive", KEY)
        replies = [pipedrive("GET", f"{PERSONS}/search", term="ann") for _ in range(7)]

    assert [reply.status_code for reply in replies] == [200] * 6 + [429]
    left = [reply.headers["x-daily-ratelimit-token-remaining"] for reply in replies]
    assert left == ["100", "80", "60", "40", "20", "0", "0"]


def test_a_wrong_token_is_refused_and_the_query_takes_one_too(pipedrive: Call) -> None:
    assert pipedrive("GET", PERSONS, headers={"x-api-token": "x"}).status_code == 401
    assert pipedrive("GET", PERSONS, headers={"x-api-token": "x"}, api_token=Pipedrive.key).status_code == 200
