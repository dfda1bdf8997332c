"""The simulated Intercom refuses what Intercom refuses, and does not what it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.intercom.api import Intercom
from sandbox.server import Running, start

from .conftest import Call

HEADERS = {"Authorization": f"Bearer {Intercom.key}", "Intercom-Version": "2.16"}


@pytest.fixture(scope="module")
def shared() -> Iterator[Running]:
    with start() as running:
        yield running


@pytest.fixture
def sandbox(shared: Running) -> Running:
    shared.sandbox.reset()
    return shared


@pytest.fixture
def intercom(sandbox: Running, client: Callable[..., Call]) -> Call:
    return client(f"{sandbox.url}/intercom", HEADERS)


def code(reply: Any) -> tuple[int, str]:
    return reply.status_code, reply.json()["errors"][0]["code"]


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({}, (400, "parameter_not_found")),
        ({"role": "user"}, (400, "parameter_not_found")),
        ({"email": "not-an-address"}, (400, "parameter_invalid")),
        ({"email": "a@example.com", "name": 7}, (400, "parameter_invalid")),
        ({"email": "a@example.com", "signed_up_at": "2026-11-01"}, (400, "parameter_invalid")),
        ({"email": "a@example.com", "custom_attributes": {"shoe_size": 42}}, (400, "parameter_invalid")),
        ({"email": "a@example.com", "custom_attributes": {"weft_retired": "x"}}, (400, "parameter_invalid")),
        ({"email": "a@example.com", "custom_attributes": {"weft_orders": "many"}}, (400, "parameter_invalid")),
    ],
)
def test_a_contact_with_something_wrong_is_refused(intercom: Call, body: Any, refused: tuple[int, str]) -> None:
    assert code(intercom("POST", "/contacts", body)) == refused


def test_one_that_is_there_is_in_the_way_but_not_of_a_lead(intercom: Call) -> None:
    made = intercom("POST", "/contacts", {"email": "ann@example.com"}).json()
    again = intercom("POST", "/contacts", {"email": "ANN@example.com"})

    assert code(again) == (409, "conflict")
    assert again.json()["errors"][0]["message"].endswith(f"id={made['id']}")
    assert intercom("POST", "/contacts", {"email": "ann@example.com", "role": "lead"}).status_code == 200


def test_an_archived_contact_is_found_by_no_search_and_stays_in_the_way(intercom: Call) -> None:
    made = intercom("POST", "/contacts", {"email": "ann@example.com"}).json()
    intercom("POST", f"/contacts/{made['id']}/archive", {})
    search = {"query": {"field": "email", "operator": "=", "value": "ann@example.com"}}

    assert intercom("POST", "/contacts/search", search).json()["total_count"] == 0
    again = intercom("POST", "/contacts", {"email": "ann@example.com"})
    assert again.json()["errors"][0]["message"].startswith("An archived contact")


@pytest.mark.parametrize(
    "query",
    [
        {"field": "shoe", "operator": "=", "value": "x"},
        {"field": "email", "operator": "like", "value": "x"},
        {"field": "email", "operator": "IN", "value": "x"},
        {"field": "tag_id", "operator": "~", "value": "x"},
        {"operator": "OR", "value": [{"field": "email", "operator": "=", "value": str(n)} for n in range(16)]},
        {"operator": "OR", "value": []},
    ],
)
def test_a_search_that_intercom_does_not_know_is_refused(intercom: Call, query: Any) -> None:
    assert code(intercom("POST", "/contacts/search", {"query": query})) == (400, "parameter_invalid")


def test_a_search_is_paged(intercom: Call) -> None:
    for n in range(5):
        intercom("POST", "/contacts", {"email": f"p{n}@example.com"})
    query = {"operator": "AND", "value": [{"field": "email", "operator": "$", "value": "@example.com"}]}
    first = intercom("POST", "/contacts/search", {"query": query, "pagination": {"per_page": 3}}).json()
    after = first["pages"]["next"]["starting_after"]
    page = {"per_page": 3, "starting_after": after}
    second = intercom("POST", "/contacts/search", {"query": query, "pagination": page}).json()

    assert (len(first["data"]), len(second["data"]), second["total_count"]) == (3, 2, 5)
    assert "next" not in second["pages"]


def test_several_users_can_be_tagged_in_one_call_which_makes_the_tag(intercom: Call, sandbox: Running) -> None:
    made = intercom("POST", "/contacts", {"email": "ann@example.com"}).json()
    tag = intercom("POST", "/tags", {"name": "New", "users": [{"id": made["id"]}]}).json()

    assert sandbox.accounts["intercom"].members(tag["id"])[0]["email"] == "ann@example.com"
    assert code(intercom("POST", f"/contacts/{made['id']}/tags", {"id": "nothing"})) == (404, "not_found")


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Authorization": "Bearer x"}, 401), ({"Intercom-Version": "9.9"}, 400), ({"Content-Type": "text/plain"}, 415)],
)
def test_a_call_without_what_it_needs_is_refused(intercom: Call, headers: dict[str, str], status: int) -> None:
    assert intercom("POST", "/contacts", {"email": "a@example.com"}, headers=headers).status_code == status


def test_the_limit_is_told_in_windows_of_ten_seconds(client: Callable[..., Call]) -> None:
    with start(limit_scale=0.002) as sandbox:
        intercom = client(f"{sandbox.url}/intercom", HEADERS)
        replies = [intercom("GET", "/me") for _ in range(8)]
    refused = next(reply for reply in replies if reply.status_code == 429)

    assert code(refused) == (429, "rate_limit_exceeded")
    assert int(refused.headers["X-RateLimit-Reset"]) > 1_700_000_000
    assert replies[0].headers["X-RateLimit-Limit"] == "3"
