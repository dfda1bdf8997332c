"""The Klaviyo account behaves as the vendor says it does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.server import Running, start

Call = Callable[..., requests.Response]
JOBS = "/profile-bulk-import-jobs"
MEMBERS = "/lists/WINBACK/relationships/profiles"


def job(*profiles: dict[str, Any], list_id: str | None = "WINBACK") -> dict[str, Any]:
    resources = [{"type": "profile", "attributes": attributes} for attributes in profiles]
    body: dict[str, Any] = {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": resources}}}
    if list_id:
        body["relationships"] = {"lists": {"data": [{"type": "list", "id": list_id}]}}
    return {"data": body}


def finish(klaviyo: Call, job_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        data = klaviyo("GET", f"{JOBS}/{job_id}").json()["data"]
        if data["attributes"]["status"] not in ("queued", "processing"):
            return dict(data["attributes"])
        time.sleep(0.02)
    raise AssertionError("the job never finished")


def import_all(klaviyo: Call, *profiles: dict[str, Any]) -> dict[str, Any]:
    created = klaviyo("POST", JOBS, job(*profiles))
    assert created.status_code == 202
    assert created.json()["data"]["attributes"]["status"] == "queued"
    return finish(klaviyo, created.json()["data"]["id"])


def ids(*profile_ids: str) -> dict[str, Any]:
    return {"data": [{"type": "profile", "id": profile_id} for profile_id in profile_ids]}


def test_a_call_without_key_or_revision_is_refused(klaviyo: Call) -> None:
    assert klaviyo("GET", "/lists/WINBACK", headers={"Authorization": "Klaviyo-API-Key other"}).status_code == 401
    assert klaviyo("GET", "/lists/WINBACK", headers={"revision": ""}).status_code == 400


def test_a_job_imports_profiles_into_a_list(sandbox: Running, klaviyo: Call) -> None:
    done = import_all(klaviyo, {"email": "Ann@Example.com", "first_name": "Ann"}, {"email": "bo@example.com"})

    assert (done["status"], done["total_count"], done["completed_count"], done["failed_count"]) == ("complete", 2, 2, 0)
    account = sandbox.accounts["klaviyo"]
    assert account.lists["WINBACK"] == 2
    assert sorted(member["email"] for member in account.members("WINBACK")) == ["ann@example.com", "bo@example.com"]


def test_a_bad_row_fails_alone_and_its_pointer_names_it(sandbox: Running, klaviyo: Call) -> None:
    rows = [
        {"email": "ann@example.com"},
        {"email": "not an address"},
        {"email": "bo@example.com", "phone_number": "030"},
    ]
    created = klaviyo("POST", JOBS, job(*rows)).json()["data"]["id"]
    done = finish(klaviyo, created)
    errors = klaviyo("GET", f"{JOBS}/{created}/import-errors", **{"page[size]": "100"}).json()["data"]

    assert (done["completed_count"], done["failed_count"]) == (1, 2)
    assert [error["attributes"]["source"]["pointer"] for error in errors] == [
        "/data/attributes/profiles/data/1/attributes/email",
        "/data/attributes/profiles/data/2/attributes/phone_number",
    ]
    assert sandbox.accounts["klaviyo"].lists["WINBACK"] == 1


def test_null_clears_a_field_and_an_absent_field_stays(sandbox: Running, klaviyo: Call) -> None:
    properties = {"lifetime_value": 10, "tier": "gold"}
    import_all(klaviyo, {"email": "ann@example.com", "first_name": "Ann", "last_name": "Lee", "properties": properties})
    import_all(klaviyo, {"email": "ann@example.com", "first_name": None, "properties": {"tier": None}})

    (record,) = sandbox.accounts["klaviyo"].records
    assert (record.get("first_name"), record["last_name"]) == (None, "Lee")
    assert record["properties"] == {"lifetime_value": 10}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(job(*[{"email": f"p{n}@example.com"} for n in range(10_001)]), 400, id="too many profiles"),
        pytest.param(job(), 400, id="no profiles"),
        pytest.param(job({"first_name": "Ann"}), 400, id="no identifier"),
        pytest.param(job({"email": "a@example.com", "surname": "Lee"}), 400, id="unknown field"),
        pytest.param(
            job({"email": "a@example.com", "properties": {"x": "y" * 101 * 1024}}), 400, id="100 KB a profile"
        ),
        pytest.param(job({"email": "a@example.com", "properties": {"x": "y" * 5_300_000}}), 413, id="5 MB a call"),
        pytest.param(job({"email": "a@example.com"}, list_id="NONE"), 404, id="unknown list"),
        pytest.param({"data": {"type": "profile"}}, 400, id="not a job"),
    ],
)
def test_a_job_over_the_limits_is_refused_whole(
    sandbox: Running, klaviyo: Call, body: dict[str, Any], status: int
) -> None:
    refused = klaviyo("POST", JOBS, body)

    assert refused.status_code == status
    assert set(refused.json()["errors"][0]) >= {"id", "code", "title", "detail", "source"}
    assert sandbox.accounts["klaviyo"].records == []
    assert len(sandbox.accounts["klaviyo"].refusals) == 1


def test_profiles_are_found_page_by_page(klaviyo: Call) -> None:
    import_all(klaviyo, *[{"email": f"p{n}@example.com"} for n in range(7)])
    wanted = json.dumps([f"p{n}@example.com" for n in range(5)] + ["nobody@example.com"])
    first = klaviyo("GET", "/profiles", filter=f"any(email,{wanted})", **{"page[size]": "3"}).json()
    headers = {"Authorization": "Klaviyo-API-Key pk_demo_weft", "revision": "2026-07-15"}
    second = requests.get(first["links"]["next"], headers=headers, timeout=5).json()

    found = [row["attributes"]["email"] for row in first["data"] + second["data"]]
    assert sorted(found) == [f"p{n}@example.com" for n in range(5)]
    assert "next" not in second["links"]
    assert len(klaviyo("GET", "/profiles", filter='equals(email,"p6@example.com")').json()["data"]) == 1
    assert klaviyo("GET", "/profiles", filter="contains(email,'p')").status_code == 400


def test_removal_from_a_list_leaves_the_profile(sandbox: Running, klaviyo: Call) -> None:
    import_all(klaviyo, {"email": "ann@example.com"})
    (profile_id,) = [row["id"] for row in klaviyo("GET", MEMBERS).json()["data"]]

    for _ in range(2):
        assert klaviyo("DELETE", MEMBERS, ids(profile_id)).status_code == 204
    account = sandbox.accounts["klaviyo"]
    assert account.lists["WINBACK"] == 0
    assert [("consent" in record, record["email"]) for record in account.records] == [(False, "ann@example.com")]
    assert klaviyo("POST", MEMBERS, ids(profile_id)).status_code == 204
    assert account.lists["WINBACK"] == 1
    assert klaviyo("POST", MEMBERS, ids(*["x"] * 1_001)).status_code == 400


def merge(into: str, *sources: str) -> dict[str, Any]:
    return {"data": {"type": "profile-merge", "id": into, "relationships": {"profiles": ids(*sources)}}}


def test_a_merge_is_queued_and_deletes_its_source(sandbox: Running, klaviyo: Call) -> None:
    import_all(
        klaviyo,
        {"email": "ann@example.com", "first_name": "Ann", "properties": {"tier": "gold"}},
        {"email": "bo@example.com", "first_name": "Bo", "last_name": "Lee", "properties": {"tier": "tin", "size": 3}},
    )
    rows = klaviyo("GET", "/lists/WINBACK/profiles", **{"fields[profile]": "email"}).json()["data"]
    known = {row["attributes"]["email"]: row["id"] for row in rows}
    ann, bo = known["ann@example.com"], known["bo@example.com"]

    assert [row["attributes"] for row in rows if row["id"] == ann] == [{"email": "ann@example.com"}]
    assert klaviyo("POST", "/profile-merge", merge(ann, bo, ann)).status_code == 400
    assert klaviyo("POST", "/profile-merge", merge(ann, "01NOBODY")).status_code == 404
    queued = klaviyo("POST", "/profile-merge", merge(ann, bo))
    assert (queued.status_code, queued.json()["data"]["id"]) == (201, ann)

    deadline = time.monotonic() + 5
    while klaviyo("GET", f"/profiles/{bo}").status_code == 200:
        assert time.monotonic() < deadline, "the merge was never done"
        time.sleep(0.02)
    [record] = sandbox.accounts["klaviyo"].records
    assert (record["first_name"], record["last_name"]) == ("Ann", "Lee")
    assert record["properties"] == {"tier": "gold", "size": 3}
    assert sandbox.accounts["klaviyo"].lists["WINBACK"] == 1


def test_a_profile_that_is_named_by_an_unknown_id_is_not_created(sandbox: Running, klaviyo: Call) -> None:
    body = job({"email": "ann@example.com"})
    body["data"]["attributes"]["profiles"]["data"][0]["id"] = "01NOBODY"
    done = finish(klaviyo, klaviyo("POST", JOBS, body).json()["data"]["id"])

    assert (done["failed_count"], sandbox.accounts["klaviyo"].records) == (1, [])


def test_a_lists_count_has_the_smallest_limit_of_all(client: Callable[..., Call]) -> None:
    key = {"Authorization": "Klaviyo-API-Key pk_demo_weft", "revision": "2026-07-15"}
    with start(limit_scale=1) as sandbox:
        klaviyo = client(f"{sandbox.url}/klaviyo/api", key)
        replies = [klaviyo("GET", "/lists/WINBACK", **{"additional-fields[list]": "profile_count"}) for _ in range(20)]

    assert replies[0].json()["data"]["attributes"]["profile_count"] == 0
    assert replies[0].headers["RateLimit-Limit"] == "15"
    assert 429 in {reply.status_code for reply in replies}


def test_the_subscription_endpoints_do_the_harm_that_the_real_ones_do(sandbox: Running, klaviyo: Call) -> None:
    import_all(klaviyo, {"email": "in@example.com"})
    klaviyo("POST", "/profile-import", {"data": {"type": "profile", "attributes": {"email": "out@example.com"}}})
    people = [{"type": "profile", "attributes": {"email": f"{who}@example.com"}} for who in ("in", "out")]
    unsubscribe = {
        "data": {
            "type": "profile-subscription-bulk-delete-job",
            "attributes": {"profiles": {"data": people}},
            "relationships": {"list": {"data": {"type": "list", "id": "WINBACK"}}},
        }
    }
    assert klaviyo("POST", "/profile-subscription-bulk-delete-jobs", unsubscribe).status_code == 202
    consent = {record["email"]: record.get("consent") for record in sandbox.accounts["klaviyo"].records}
    assert consent == {
        "in@example.com": None,
        "out@example.com": {"email": "UNSUBSCRIBED", "suppressed": "UNSUBSCRIBE"},
    }

    subscribe = {"data": {"type": "profile-subscription-bulk-create-job", "attributes": {"profiles": {"data": people}}}}
    klaviyo("POST", "/profile-subscription-bulk-create-jobs", subscribe)
    consent = {record["email"]: record["consent"]["suppressed"] for record in sandbox.accounts["klaviyo"].records}
    assert consent == {"in@example.com": None, "out@example.com": None}


def test_the_rate_limit_is_kept_per_second_and_told_in_headers(client: Callable[..., Call]) -> None:
    key = {"Authorization": "Klaviyo-API-Key pk_demo_weft", "revision": "2026-07-15"}
    with start(limit_scale=1) as sandbox:
        klaviyo = client(f"{sandbox.url}/klaviyo/api", key)
        replies = [klaviyo("DELETE", MEMBERS, {"data": []}) for _ in range(25)]
    first = replies[0]
    refused = [reply for reply in replies if reply.status_code == 429]

    assert first.headers["RateLimit-Limit"] == "150"
    assert int(first.headers["RateLimit-Remaining"]) == 149
    assert 1 <= int(first.headers["RateLimit-Reset"]) <= 60
    assert refused
    assert all(int(reply.headers["Retry-After"]) == 1 for reply in refused)
    assert all("RateLimit-Remaining" not in reply.headers for reply in refused)


def test_the_account_survives_a_restart_in_the_middle_of_a_job(tmp_path: Path, client: Callable[..., Call]) -> None:
    key = {"Authorization": "Klaviyo-API-Key pk_demo_weft", "revision": "2026-07-15"}
    state = tmp_path / "state.sqlite"
    with start(state=state, job_seconds=0.2) as sandbox:
        body = job({"email": "ann@example.com"})
        job_id = client(f"{sandbox.url}/klaviyo/api", key)("POST", JOBS, body).json()["data"]["id"]
    with start(state=state) as sandbox:
        done = finish(client(f"{sandbox.url}/klaviyo/api", key), job_id)
        assert (done["status"], sandbox.accounts["klaviyo"].lists["WINBACK"]) == ("complete", 1)
        assert sandbox.accounts["klaviyo"].calls[0]["path"] == "/api/profile-bulk-import-jobs"


def bulk(*events: dict[str, Any], email: str = "ann@example.com") -> dict[str, Any]:
    entries = [
        {
            "type": "event-bulk-create",
            "attributes": {
                "profile": {"data": {"type": "profile", "attributes": {"email": email}}},
                "events": {"data": [{"type": "event", "attributes": one}]},
            },
        }
        for one in events
    ]
    return {"data": {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": entries}}}}


def happened(unique_id: str = "E-1", **more: Any) -> dict[str, Any]:
    metric = {"data": {"type": "metric", "attributes": {"name": "Ordered"}}}
    return {"properties": {}, "metric": metric, "unique_id": unique_id, "time": "2026-11-01T10:00:00+00:00", **more}


def test_events_are_taken_without_a_word_and_recorded_once(sandbox: Running, klaviyo: Call) -> None:
    reply = klaviyo("POST", "/event-bulk-create-jobs", bulk(happened(value=1), happened("E-2")))
    klaviyo("POST", "/event-bulk-create-jobs", bulk(happened(value=2)))

    assert (reply.status_code, reply.content) == (202, b"")
    account = sandbox.accounts["klaviyo"]
    assert {one["unique_id"]: one.get("value") for one in account.members("Events")} == {"E-1": 1, "E-2": None}
    assert [one["email"] for one in account.records] == ["ann@example.com"]
    assert "Events" not in {one["id"] for one in klaviyo("GET", "/lists").json()["data"]}


@pytest.mark.parametrize(
    "body",
    [
        bulk(),
        bulk(*(happened(str(n)) for n in range(1_001))),
        bulk(happened(), happened()),
        bulk(happened(), email=""),
        bulk(happened(value="12")),
        bulk(happened(time="1980-01-01T00:00:00+00:00")),
        bulk(happened(shoe_size=42)),
        bulk(happened(properties={str(n): n for n in range(401)})),
        bulk(happened(properties={"note": "x" * 102_401})),
    ],
)
def test_events_with_something_wrong_are_refused_whole(sandbox: Running, klaviyo: Call, body: dict[str, Any]) -> None:
    assert klaviyo("POST", "/event-bulk-create-jobs", body).status_code == 400
    assert sandbox.accounts["klaviyo"].members("Events") == []
