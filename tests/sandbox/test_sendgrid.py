"""The SendGrid account behaves as the vendor says it does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from sandbox.server import Running, start

Call = Callable[..., requests.Response]
LIST = "11111111-1111-4111-8111-111111111111"


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with start() as running:
        yield running


@pytest.fixture
def call(running: Running, client: Callable[..., Call]) -> Call:
    return client(f"{running.url}/sendgrid", {"Authorization": "Bearer SG.demo-weft"})


def done(call: Call, *contacts: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Upsert contacts, and return the job once it is done."""
    reply = call("PUT", "/v3/marketing/contacts", {"contacts": list(contacts), **more})
    assert reply.status_code == 202
    for _ in range(200):
        job: dict[str, Any] = call("GET", f"/v3/marketing/contacts/imports/{reply.json()['job_id']}").json()
        if job["status"] != "pending":
            return job
        time.sleep(0.01)
    raise AssertionError("the job did not finish")


def test_an_upsert_is_a_job_that_merges_and_lower_cases(running: Running, call: Call) -> None:
    first = done(call, {"email": "Anna@Example.com", "city": "Bonn", "custom_fields": {"e1_T": "gold"}})
    again = done(call, {"email": "anna@example.com", "custom_fields": {"e2_N": 7}}, list_ids=[LIST])

    assert first["results"] == {"requested_count": 1, "created_count": 1, "updated_count": 0, "errored_count": 0}
    assert again["results"]["updated_count"] == 1
    assert running.accounts["sendgrid"].members(LIST) == [
        {"email": "anna@example.com", "city": "Bonn", "custom_fields": {"e1_T": "gold", "e2_N": 7}}
    ]


def test_what_a_job_refused_stands_in_a_file_elsewhere(call: Call) -> None:
    job = done(call, {"email": "good@example.com"}, {"email": "nonsense"})
    url = job["results"]["errors_url"]

    assert (job["status"], job["results"]["errored_count"]) == ("errored", 1)
    assert "nonsense" in requests.get(url, timeout=5).text
    assert requests.get(url, headers={"Authorization": "Bearer SG.demo-weft"}, timeout=5).status_code == 400
    assert requests.get(url.split("?")[0], timeout=5).status_code == 403
    assert done(call, {"email": "nonsense"})["status"] == "failed"


def test_an_update_needs_all_identifiers_that_the_contact_has(call: Call) -> None:
    done(call, {"email": "two@example.com", "external_id": "u2"})

    assert done(call, {"email": "two@example.com", "city": "Bonn"})["results"]["errored_count"] == 1
    assert done(call, {"email": "two@example.com", "external_id": "u2", "city": "Bonn"})["status"] == "completed"


@pytest.mark.parametrize(
    "contact",
    [
        {"first_name": "Anna"},
        {"email": "a@example.com", "shoe_size": "42"},
        {"email": "a@example.com", "first_name": 7},
        {"email": "a@example.com", "first_name": "x" * 51},
        {"email": "a@example.com", "alternate_emails": ["b@example.com"] * 6},
        {"email": "a@example.com", "custom_fields": {"tier": "gold"}},
        {"email": "a@example.com", "custom_fields": {"e2_N": None}},
        {"email": "a@example.com", "custom_fields": {"e2_N": "seven"}},
        {"email": "a@example.com", "custom_fields": {"e1_T": 7}},
        "a@example.com",
    ],
)
def test_a_call_with_a_contact_that_has_no_form_is_refused_whole(call: Call, contact: Any) -> None:
    reply = call("PUT", "/v3/marketing/contacts", {"contacts": [{"email": "ok@example.com"}, contact]})

    assert reply.status_code == 400
    assert reply.json()["errors"][0]["field"].startswith("contacts[1]")


def test_calls_beyond_the_limits_are_refused(call: Call) -> None:
    many = [{"email": "a@b.de"}] * 30_001
    assert call("PUT", "/v3/marketing/contacts", {"contacts": many}).status_code == 400
    large = [{"email": "a@b.de", "custom_fields": {"e1_T": "x" * 1_000}}] * 6_000
    assert call("PUT", "/v3/marketing/contacts", {"contacts": large}).status_code == 413
    assert call("PUT", "/v3/marketing/contacts", {"contacts": many[:1], "list_ids": ["none"]}).status_code == 404
    search = {"emails": [f"a{n}@b.de" for n in range(101)]}
    assert call("POST", "/v3/marketing/contacts/search/emails", search).status_code == 400


def test_a_search_names_who_is_there_and_who_is_not(call: Call) -> None:
    done(call, {"email": "there@example.com"}, list_ids=[LIST])
    search = "/v3/marketing/contacts/search/emails"

    found = call("POST", search, {"emails": ["THERE@example.com", "gone@example.com"]}).json()["result"]
    assert found["there@example.com"]["contact"]["list_ids"] == [LIST]
    assert found["gone@example.com"] == {"error": "contact not found"}
    assert call("POST", search, {"emails": ["gone@example.com"]}).status_code == 404
    assert call("POST", search, {"emails": ["there@example.com", "nonsense"]}).status_code == 400


def test_leaving_a_list_takes_ids_and_keeps_the_contact(running: Running, call: Call) -> None:
    done(call, {"email": "leaver@example.com"}, list_ids=[LIST])
    found = call("POST", "/v3/marketing/contacts/search/emails", {"emails": ["leaver@example.com"]}).json()
    contact = found["result"]["leaver@example.com"]["contact"]["id"]
    path = f"/v3/marketing/lists/{LIST}/contacts"
    before = call("GET", f"{path}/count").json()["contact_count"]

    job = call("DELETE", path, contact_ids=contact)
    assert job.status_code == 202
    assert call("GET", f"/v3/marketing/contacts/imports/{job.json()['job_id']}").status_code == 404
    time.sleep(0.06)
    assert call("GET", f"{path}/count").json()["contact_count"] == before - 1
    assert "leaver" in str(running.accounts["sendgrid"].records)
    assert call("DELETE", path).status_code == 400
    assert call("DELETE", path, contact_ids="unknown").status_code == 404


def test_the_wrong_key_and_an_unknown_list_are_refused(running: Running, call: Call) -> None:
    url = f"{running.url}/sendgrid/v3/marketing/field_definitions"
    assert requests.get(url, timeout=5).status_code == 401
    assert "X-RateLimit-Remaining" in call("GET", "/v3/marketing/field_definitions").headers
    assert call("GET", "/v3/marketing/lists/none").status_code == 404
