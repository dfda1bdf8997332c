"""The Mailchimp account behaves as the vendor says it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from sandbox.mailchimp.members import hash_of
from sandbox.server import Running, start

AUDIENCE = "/3.0/lists/1a2b3c4d5e"
SEGMENT = f"{AUDIENCE}/segments/4711"
Call = Callable[..., requests.Response]


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with start() as running:
        yield running


@pytest.fixture
def call(running: Running, client: Callable[..., Call]) -> Call:
    key = running.environment()["MAILCHIMP_API_KEY"]
    return client(f"{running.url}/mailchimp", {"Authorization": f"Bearer {key}"})


def member(name: str, **fields: Any) -> dict[str, Any]:
    return {"email_address": f"{name}@example.com", "status_if_new": "subscribed", **fields}


def add(call: Call, *members: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"members": list(members), "update_existing": True, **more}
    answer: dict[str, Any] = call("POST", AUDIENCE, body, skip_merge_validation="true").json()
    return answer


def test_new_members_get_a_standing_and_others_keep_theirs(call: Call) -> None:
    assert add(call, member("kept"))["new_members"][0]["status"] == "subscribed"
    add(call, {"email_address": "kept@example.com", "status": "unsubscribed"})

    again = add(call, member("KEPT", merge_fields={"FNAME": "Karl"}))
    assert (again["total_created"], again["total_updated"], again["error_count"]) == (0, 1, 0)
    assert again["updated_members"][0]["status"] == "unsubscribed"
    assert again["updated_members"][0]["merge_fields"]["FNAME"] == "Karl"


def test_a_standing_that_is_sent_resubscribes(call: Call) -> None:
    add(call, {"email_address": "back@example.com", "status": "unsubscribed"})

    told = add(call, {"email_address": "back@example.com", "status": "subscribed"})
    assert told["updated_members"][0]["status"] == "subscribed"


def test_a_200_names_what_was_refused(call: Call) -> None:
    add(call, member("twice"))
    told = call(
        "POST",
        AUDIENCE,
        {"members": [member("twice"), member("x y"), member("numb", merge_fields={"LTV": "much", "LNAME": "N"})]},
    )

    assert told.status_code == 200
    assert [(one["email_address"].split("@")[0], one["error_code"]) for one in told.json()["errors"]] == [
        ("twice", "ERROR_CONTACT_EXISTS"),
        ("x y", "ERROR_GENERIC"),
        ("numb", "ERROR_GENERIC"),
    ]


def test_required_merge_fields_are_asked_for_unless_it_is_waived(call: Call) -> None:
    body = {"members": [member("bare")]}
    assert call("POST", AUDIENCE, body).json()["error_count"] == 1
    assert call("POST", AUDIENCE, body, skip_merge_validation="true").json()["total_created"] == 1


@pytest.mark.parametrize(
    "one",
    [
        {"email_address": "a@example.com"},
        {"status_if_new": "subscribed"},
        member("a", status=""),
        member("a", status_if_new="archived"),
        member("a", merge_fields=[]),
        member("a", merge_fields={"FNAME": None}),
        member("a", merge_fields={"FNAME": True}),
        member("a", FNAME="Anna"),
        "a@example.com",
    ],
)
def test_members_without_the_form_of_one_are_refused_whole(call: Call, one: Any) -> None:
    reply = call("POST", AUDIENCE, {"members": [member("ok"), one], "update_existing": True})

    assert (reply.status_code, reply.json()["title"]) == (400, "Invalid Resource")
    assert reply.json()["errors"][0]["field"].startswith("members.item:1.")


def test_five_hundred_members_are_the_most(call: Call) -> None:
    many = [member(f"m{n}") for n in range(501)]
    assert call("POST", AUDIENCE, {"members": many}).status_code == 400
    assert add(call, *many[:500])["total_created"] == 500
    emails = [one["email_address"] for one in many]
    assert call("POST", SEGMENT, {"members_to_add": emails}).status_code == 400


def test_who_was_deleted_for_good_cannot_be_imported_again(call: Call) -> None:
    add(call, member("forgotten"), member("archived"))
    path = f"{AUDIENCE}/members/{hash_of('forgotten@example.com')}"
    assert call("POST", f"{path}/actions/delete-permanent").status_code == 204
    assert call("DELETE", f"{AUDIENCE}/members/{hash_of('archived@example.com')}").status_code == 204

    told = add(call, member("forgotten"), member("archived"))
    assert [one["email_address"] for one in told["new_members"]] == ["archived@example.com"]
    assert "cannot be re-imported" in told["errors"][0]["error"]


def test_a_tag_takes_members_and_ignores_others(call: Call) -> None:
    add(call, member("tagged"))
    body = {"members_to_add": ["TAGGED@example.com", "stranger@example.com"]}

    first, again = (call("POST", SEGMENT, body).json() for _ in range(2))
    assert [one["email_address"] for one in first["members_added"]] == ["tagged@example.com"]
    assert (again["total_added"], again["errors"]) == (0, [])
    assert call("POST", SEGMENT, {"members_to_remove": body["members_to_add"]}).json()["total_removed"] == 1
    assert call("POST", f"{AUDIENCE}/segments/1", body).status_code == 404


def test_a_tags_members_are_the_subscribed_ones_unless_others_are_asked_for(call: Call) -> None:
    add(call, member("one"), member("two", status_if_new="transactional"))
    call("POST", SEGMENT, {"members_to_add": ["one@example.com", "two@example.com"]})

    assert call("GET", f"{SEGMENT}/members").json()["total_items"] == 1
    both = call("GET", f"{SEGMENT}/members", include_transactional="true", count="1").json()
    assert (both["total_items"], len(both["members"])) == (2, 1)
    assert [one["name"] for one in call("GET", f"{AUDIENCE}/tag-search", name="win").json()["tags"]] == ["win-back"]


def test_the_wrong_key_and_an_unknown_audience_are_refused(running: Running, call: Call) -> None:
    url = f"{running.url}/mailchimp{AUDIENCE}"
    assert requests.get(url, timeout=5).json()["title"] == "API Key Invalid"
    assert requests.get(url, auth=("any", "wrong"), timeout=5).status_code == 401
    assert call("GET", "/3.0/lists/unknown").json()["status"] == 404
