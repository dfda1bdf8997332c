"""Every fault breaks what it says, once or until it is cleared, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from sandbox.server import Running

Call = Callable[..., requests.Response]
UPSERT = "/crm/v3/objects/contacts/batch/upsert"


def contacts(*emails: str) -> dict[str, Any]:
    rows = [{"id": email, "idProperty": "email", "properties": {"email": email, "weft_tier": "a"}} for email in emails]
    return {"inputs": rows}


def test_retry_after_comes_in_every_form(sandbox: Running, klaviyo: Call) -> None:
    for form in ("seconds", "date", "none", "soon"):
        sandbox.fault("rate_limited", "klaviyo", retry_after=form, seconds=30)
    seconds, date, none, odd = (klaviyo("GET", "/lists/WINBACK") for _ in range(4))

    assert {reply.status_code for reply in (seconds, date, none, odd)} == {429}
    assert seconds.headers["Retry-After"] == "30"
    assert 25 < (parsedate_to_datetime(date.headers["Retry-After"]) - datetime.now(UTC)).total_seconds() <= 30
    assert "Retry-After" not in none.headers
    assert odd.headers["Retry-After"] == "soon"
    assert klaviyo("GET", "/lists/WINBACK").status_code == 200


def test_server_errors_have_a_body_that_is_not_json(sandbox: Running, hubspot: Call) -> None:
    for status in (500, 502, 503):
        sandbox.fault("server_error", "hubspot", status=status)
    replies = [hubspot("POST", UPSERT, contacts("ann@example.com")) for _ in range(4)]

    assert [reply.status_code for reply in replies] == [500, 502, 503, 200]
    assert replies[0].text.startswith("<html>")


@pytest.mark.parametrize(("kind", "applied"), [("drop_before", 0), ("drop_after", 1)])
def test_a_broken_connection_is_ambiguous(sandbox: Running, hubspot: Call, kind: str, applied: int) -> None:
    sandbox.fault(kind, "hubspot")
    with pytest.raises(requests.ConnectionError):
        hubspot("POST", UPSERT, contacts("ann@example.com"))

    assert sandbox.accounts["hubspot"].lists["contacts"] == applied
    assert sandbox.accounts["hubspot"].calls[-1]["status"] == 0


def test_bodies_can_be_cut_or_wrong_although_all_was_applied(sandbox: Running, hubspot: Call) -> None:
    sandbox.fault("truncate", "hubspot")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        hubspot("POST", UPSERT, contacts("ann@example.com"))
    sandbox.fault("invalid_json", "hubspot")
    odd = hubspot("POST", UPSERT, contacts("bo@example.com"))

    with pytest.raises(requests.exceptions.JSONDecodeError):
        odd.json()
    assert sandbox.accounts["hubspot"].lists["contacts"] == 2


def test_a_delay_takes_its_time(sandbox: Running, hubspot: Call) -> None:
    sandbox.fault("delay", "hubspot", seconds=0.3)
    started = time.monotonic()
    hubspot("POST", UPSERT, contacts("ann@example.com"))

    assert time.monotonic() - started >= 0.3


def test_rows_are_refused_by_what_is_in_them(sandbox: Running, hubspot: Call) -> None:
    sandbox.fault("refuse_rows", "hubspot", match="b[ou]@")
    for _ in range(2):
        reply = hubspot("POST", UPSERT, contacts("ann@example.com", "bo@example.com", "bu@example.com"))
        assert (reply.status_code, reply.json()["numErrors"]) == (207, 2)


def test_a_call_is_refused_whole_by_what_is_in_it(sandbox: Running, hubspot: Call) -> None:
    sandbox.fault("refuse_call", match="bo@", times=None)
    refused, taken = (
        hubspot("POST", UPSERT, contacts(*who)) for who in (["ann@example.com", "bo@example.com"], ["cy@x.co"])
    )

    assert (refused.status_code, taken.status_code) == (400, 200)
    assert sandbox.accounts["hubspot"].lists["contacts"] == 1


def test_faults_hit_the_chosen_method_path_and_turn(sandbox: Running, klaviyo: Call, hubspot: Call) -> None:
    sandbox.fault("server_error", "klaviyo", method="GET", path="/lists/", skip=1)
    assert hubspot("GET", "/account-info/v3/details").status_code == 200
    assert klaviyo("GET", "/profiles").status_code == 200
    assert [klaviyo("GET", "/lists/WINBACK").status_code for _ in range(3)] == [200, 500, 200]


def test_credentials_stop_working_until_cleared(sandbox: Running, klaviyo: Call, hubspot: Call, meta: Call) -> None:
    sandbox.fault("bad_auth")
    assert klaviyo("GET", "/lists").json()["errors"][0]["code"] == "not_authenticated"
    assert hubspot("GET", "/account-info/v3/details").status_code == 401
    assert meta("GET", "/me").json()["error"]["code"] == 190
    sandbox.clear_faults()
    assert klaviyo("GET", "/lists").status_code == 200


def test_jobs_get_stuck_or_fail(sandbox: Running, klaviyo: Call) -> None:
    profiles = {"data": [{"type": "profile", "attributes": {"email": "ann@example.com"}}]}
    body = {"data": {"type": "profile-bulk-import-job", "attributes": {"profiles": profiles}}}
    sandbox.fault("job_stuck", "klaviyo")
    sandbox.fault("job_failed", "klaviyo")
    stuck, failed = (klaviyo("POST", "/profile-bulk-import-jobs", body).json()["data"]["id"] for _ in range(2))

    def status(job_id: str) -> str:
        return str(klaviyo("GET", f"/profile-bulk-import-jobs/{job_id}").json()["data"]["attributes"]["status"])

    time.sleep(0.1)
    assert (status(stuck), status(failed)) == ("queued", "cancelled")
    assert sandbox.accounts["klaviyo"].records == []
    sandbox.clear_faults()
    status(stuck)
    assert status(stuck) == "complete"
    assert len(sandbox.accounts["klaviyo"].records) == 1


def test_faults_are_switched_over_http_and_wrong_ones_are_explained(sandbox: Running, hubspot: Call) -> None:
    url = f"{sandbox.url}/faults"
    assert requests.post(url, json={"kind": "server_error", "account": "hubspot"}, timeout=5).status_code == 200
    assert [fault["kind"] for fault in requests.get(url, timeout=5).json()] == ["server_error"]
    assert hubspot("GET", "/account-info/v3/details").status_code == 500
    for wrong in ({"kind": "earthquake"}, {"kind": "delay", "minutes": 1}, {}):
        refused = requests.post(url, json=wrong, timeout=5)
        assert refused.status_code == 400
        assert "kind" in refused.json()["error"]
    assert requests.delete(url, timeout=5).json() == []
