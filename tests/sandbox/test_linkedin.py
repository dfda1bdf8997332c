"""The LinkedIn ad account behaves as the vendor says it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from sandbox.linkedin.api import CLIENT, LinkedIn
from sandbox.server import Running, start

Call = Callable[..., requests.Response]
SEGMENT = "/rest/dmpSegments/10804"
USERS = f"{SEGMENT}/users"
BATCH = {"X-RestLi-Method": "BATCH_CREATE"}
DEVICE = "38400000-8cf0-11bd-b23e-10b96e40000d"
OWN = {"Authorization": f"Bearer {LinkedIn.key}", "LinkedIn-Version": "202607", "X-Restli-Protocol-Version": "2.0.0"}


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with start() as made:
        yield made


@pytest.fixture
def sandbox(running: Running) -> Running:
    """One server for all tests here, emptied before each."""
    running.clear_faults()
    for table in ("members", "jobs", "history"):
        running.sandbox.store.execute(f"delete from {table}")
    return running


@pytest.fixture
def linkedin(sandbox: Running, client: Callable[..., Call]) -> Call:
    return client(f"{sandbox.url}/linkedin", OWN)


def user(letter: str, action: str = "ADD", **fields: Any) -> dict[str, Any]:
    return {"action": action, "userIds": [{"idType": "SHA256_EMAIL", "idValue": letter * 64}], **fields}


def batch(*elements: Any) -> dict[str, Any]:
    return {"elements": list(elements)}


def statuses(reply: requests.Response) -> list[int]:
    return [element["status"] for element in reply.json()["elements"]]


def test_users_are_added_once_and_removed(sandbox: Running, linkedin: Call) -> None:
    assert statuses(linkedin("POST", USERS, batch(user("a"), user("b", firstName="Bea")), BATCH)) == [201, 201]
    linkedin("POST", USERS, batch(user("a")), BATCH)
    assert sandbox.accounts["linkedin"].lists[LinkedIn.segment] == 2

    both = [{"idType": "SHA512_EMAIL", "idValue": "c" * 128}, {"idType": "GOOGLE_AID", "idValue": DEVICE}]
    linkedin("POST", USERS, batch({"action": "ADD", "userIds": both}), BATCH)
    gone = {"action": "REMOVE", "userIds": both[1:]}
    assert statuses(linkedin("POST", USERS, batch(user("a", "REMOVE"), user("f", "REMOVE"), gone), BATCH)) == [201] * 3
    assert sandbox.accounts["linkedin"].members(LinkedIn.segment) == [{"SHA256_EMAIL": "b" * 64, "firstName": "Bea"}]


def test_each_user_of_a_batch_has_a_status_of_its_own(sandbox: Running, linkedin: Call) -> None:
    elements = [
        user("a"),
        user("a", "UPDATE"),
        {"action": "ADD", "userIds": [{"idType": "SHA256_EMAIL", "idValue": "anna@example.com"}]},
        {"action": "ADD", "userIds": [{"idType": "PHONE", "idValue": "1"}]},
        {"action": "ADD", "userIds": [], "firstName": "Anna"},
        {"action": "ADD", "userIds": [], "firstName": "Anna", "lastName": "Berg"},
        user("b", country="Germany"),
        user("b", title=7),
    ]
    assert statuses(linkedin("POST", USERS, batch(*elements), BATCH)) == [201, 400, 400, 400, 400, 201, 400, 400]
    assert sandbox.accounts["linkedin"].lists[LinkedIn.segment] == 2


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        pytest.param(USERS, batch(*[user("a")] * 5_001), BATCH, 400, id="5,001 elements"),
        pytest.param(USERS, batch(user("a")), {}, 400, id="no method"),
        pytest.param(USERS, batch(user("a", phone="+49")), BATCH, 403, id="unknown field"),
        pytest.param(USERS, {"users": []}, BATCH, 400, id="no elements"),
        pytest.param("/rest/dmpSegments/10805/users", batch(user("a")), BATCH, 400, id="a segment of companies"),
        pytest.param("/rest/dmpSegments/999/users", batch(user("a")), BATCH, 404, id="no such segment"),
    ],
)
def test_a_bad_call_is_refused_whole(
    sandbox: Running, linkedin: Call, path: str, body: Any, headers: dict[str, str], status: int
) -> None:
    reply = linkedin("POST", path, body, headers)

    assert (reply.status_code, reply.json()["status"]) == (status, status)
    assert sandbox.accounts["linkedin"].lists[LinkedIn.segment] == 0


def test_a_segment_takes_users_five_seconds_after_it_was_made(sandbox: Running, linkedin: Call) -> None:
    new = {"name": "New", "account": "urn:li:sponsoredAccount:1", "type": "USER", "sourcePlatform": "WEFT"}
    made = linkedin("POST", "/rest/dmpSegments", {**new, "destinations": [{"destination": "LINKEDIN"}]})
    path = f"/rest/dmpSegments/{made.headers['X-RestLi-Id']}"
    assert linkedin("GET", path).json()["type"] == "USER"
    assert linkedin("POST", f"{path}/users", batch(user("a")), BATCH).status_code == 404

    sandbox.sandbox.store.execute("update lists set created_at = created_at - 6 where name = 'New'")
    assert linkedin("POST", f"{path}/users", batch(user("a")), BATCH).status_code == 200


def test_a_segment_tells_how_far_its_audience_is(linkedin: Call) -> None:
    def state(segment_id: str) -> tuple[str, str]:
        told = linkedin("GET", f"/rest/dmpSegments/{segment_id}").json()
        return told["type"], told["destinations"][0]["status"]

    assert state("10804") == ("USER", "BUILDING")
    linkedin("POST", USERS, batch(user("a")), BATCH)
    assert state("10804") == ("USER", "READY")
    assert (state("10805")[0], state("10806")[1]) == ("COMPANY", "EXPIRED")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer nobody"}, 401),
        ({"LinkedIn-Version": "202401"}, 426),
        ({"LinkedIn-Version": None}, 400),
    ],
)
def test_a_call_needs_a_token_and_a_version_that_is_answered(
    linkedin: Call, headers: dict[str, Any], status: int
) -> None:
    assert linkedin("GET", SEGMENT, headers=headers).status_code == status


def test_600_calls_a_minute_are_answered(client: Callable[..., Call]) -> None:
    with start(limit_scale=0.01) as running:
        call = client(f"{running.url}/linkedin", OWN)
        assert [call("GET", SEGMENT).status_code for _ in range(7)] == [200] * 6 + [429]


def test_a_refresh_token_is_worth_an_access_token(sandbox: Running) -> None:
    url = f"{sandbox.url}/linkedin/oauth/v2/accessToken"

    def ask(**form: str) -> requests.Response:
        return requests.post(url, data={"grant_type": "refresh_token", **CLIENT, **form}, timeout=5)

    assert ask().json()["access_token"] == LinkedIn.key
    assert ask(refresh_token="old").json()["error"] == "invalid_grant"
    assert ask(client_secret="wrong").json()["error"] == "invalid_client"
    assert ask(grant_type="password").status_code == 400
