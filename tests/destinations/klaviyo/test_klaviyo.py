"""Klaviyo: what is asked of it, and what its answers mean for each row."""

from __future__ import annotations

import json
from typing import Any

import pytest
import responses
from pydantic import SecretStr
from responses import matchers

from reverse_etl.destinations.base import Delivery, Destination
from reverse_etl.destinations.klaviyo.destination import KlaviyoSettings
from reverse_etl.destinations.klaviyo.payloads import (
    any_filter,
    cleared,
    lookups,
    map_import_errors,
    profile,
    values_of,
)
from reverse_etl.destinations.registry import connect
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.rows import Op, Outcome, Row, RowResult
from tests.destinations.conftest import FakeTime, make_row

URL = "https://a.klaviyo.com/api"
LIST = "WINBACK"
TO_LIST = Delivery("list", LIST)


@pytest.fixture
def klaviyo(fake_time: FakeTime) -> Destination:
    return connect(
        "klaviyo", KlaviyoSettings(api_key=SecretStr("pk_test")), sleep=fake_time.sleep, clock=fake_time.clock
    )


def row(name: str, **options: Any) -> Row:
    return make_row(f"{name}@example.com", email=f"{name}@example.com", **options)


def outcomes(results: list[RowResult] | None) -> dict[str, tuple[str, str]]:
    return {result.key.split("@")[0]: (result.outcome.value, result.code) for result in results or []}


def test_a_row_becomes_a_profile_with_its_columns_sorted_into_place() -> None:
    anna = row("anna", first_name="Anna", city="Köln", lifetime_value=12.5, is_vip=True, last_name=None)
    sent = profile(values_of(TO_LIST, anna))

    assert sent == {
        "type": "profile",
        "attributes": {
            "email": "anna@example.com",
            "first_name": "Anna",
            "location": {"city": "Köln"},
            "properties": {"lifetime_value": 12.5, "is_vip": True},
        },
    }


def test_only_what_a_row_once_sent_is_emptied() -> None:
    columns = {"first_name": None, "city": None, "favourite": None, "phone_number": None}
    added = values_of(TO_LIST, row("anna", **columns))
    emptied = row("anna", op=Op.CHANGE, changed=("first_name", "city", "favourite"), **columns)
    changed = values_of(TO_LIST, emptied)

    assert cleared(added, "email") is None
    assert "meta" not in profile(added)
    assert profile(changed)["meta"] == {"patch_properties": {"unset": ["favourite"]}}
    assert cleared(changed, "email") == {
        "data": {
            "type": "profile",
            "attributes": {"email": "anna@example.com", "first_name": None, "location": {"city": None}},
        }
    }


@responses.activate
def test_a_batch_is_accepted_into_a_job_with_the_list(klaviyo: Destination) -> None:
    call = responses.post(f"{URL}/profile-bulk-import-jobs", status=202, json={"data": {"id": "job1"}})

    results = klaviyo.send(Delivery("list", LIST), Op.ADD, [row("bea"), row("anna")])

    assert {(r.key, r.outcome, r.job_id) for r in results} == {
        ("anna@example.com", Outcome.ACCEPTED, "job1"),
        ("bea@example.com", Outcome.ACCEPTED, "job1"),
    }
    request = call.calls[0].request
    assert request.headers["revision"] == "2026-07-15"
    assert request.headers["Authorization"] == "Klaviyo-API-Key pk_test"
    body = json.loads(request.body or b"")
    assert body["data"]["relationships"] == {"lists": {"data": [{"type": "list", "id": LIST}]}}
    assert [p["attributes"]["email"] for p in body["data"]["attributes"]["profiles"]["data"]] == [
        "anna@example.com",
        "bea@example.com",
    ]


@responses.activate
def test_a_profile_object_names_no_list(klaviyo: Destination) -> None:
    call = responses.post(f"{URL}/profile-bulk-import-jobs", status=202, json={"data": {"id": "job1"}})

    klaviyo.send(Delivery("profile"), Op.CHANGE, [row("anna")])

    assert "relationships" not in json.loads(call.calls[0].request.body or b"")["data"]


@responses.activate
def test_an_answer_without_a_job_is_no_success(klaviyo: Destination) -> None:
    responses.post(f"{URL}/profile-bulk-import-jobs", status=202, json={})

    assert outcomes(klaviyo.send(Delivery("list", LIST), Op.ADD, [row("anna")])) == {"anna": ("transient", "no_job")}


@responses.activate
def test_a_profile_that_is_too_large_is_not_sent_and_does_not_hold_up_the_others(klaviyo: Destination) -> None:
    call = responses.post(f"{URL}/profile-bulk-import-jobs", status=202, json={"data": {"id": "job1"}})

    results = klaviyo.send(Delivery("list", LIST), Op.ADD, [row("anna", note="x" * 100_001), row("bea")])

    assert outcomes(results) == {"anna": ("permanent", "too_large"), "bea": ("accepted", "")}
    assert b"anna" not in (call.calls[0].request.body or b"")


@responses.activate
def test_a_field_that_became_empty_is_cleared_before_the_job(klaviyo: Destination) -> None:
    clear = responses.post(f"{URL}/profile-import", json={"data": {"id": "01"}})
    job = responses.post(f"{URL}/profile-bulk-import-jobs", status=202, json={"data": {"id": "job1"}})

    results = klaviyo.send(
        Delivery("list", LIST), Op.CHANGE, [row("anna", phone_number=None, changed=("phone_number",))]
    )

    assert (len(clear.calls), len(job.calls)) == (1, 1)
    assert outcomes(results) == {"anna": ("accepted", "")}


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [(400, "invalid", BatchRefused), (413, "payload_too_large", BatchRefused), (409, "conflict", BatchRefused)],
)
@responses.activate
def test_a_batch_that_is_refused_whole_is_given_back(
    klaviyo: Destination, status: int, code: str, error: type[Exception]
) -> None:
    responses.post(
        f"{URL}/profile-bulk-import-jobs",
        status=status,
        json={"errors": [{"code": code, "detail": "anna@example.com"}]},
    )

    with pytest.raises(error, match=code) as raised:
        klaviyo.send(Delivery("list", LIST), Op.ADD, [row("anna"), row("bea")])

    assert "anna" not in str(raised.value)


@responses.activate
def test_a_list_that_is_gone_stops_the_run(klaviyo: Destination) -> None:
    responses.post(f"{URL}/profile-bulk-import-jobs", status=404, json={"errors": [{"code": "not_found"}]})
    responses.get(f"{URL}/lists/NONE", status=404, json={})

    with pytest.raises(DestinationRefused):
        klaviyo.send(Delivery("list", LIST), Op.ADD, [row("anna")])
    with pytest.raises(DestinationRefused, match="no list with the id 'NONE'"):
        klaviyo.check(Delivery("list", "NONE"))


@pytest.mark.parametrize("status", ["queued", "processing"])
@responses.activate
def test_an_open_job_is_asked_after_again(klaviyo: Destination, status: str) -> None:
    responses.get(f"{URL}/profile-bulk-import-jobs/job1", json={"data": {"attributes": {"status": status}}})

    assert klaviyo.settle(Delivery("list", LIST), "job1", [row("anna")]) is None


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        ({"data": {"attributes": {"status": "cancelled"}}}, 200, "job_given_up"),
        ({"data": {"attributes": {}}}, 200, "job_given_up"),
        ({}, 404, "job_gone"),
    ],
)
@responses.activate
def test_a_job_without_a_result_leaves_its_rows_for_another_time(
    klaviyo: Destination, answer: dict[str, Any], status: int, code: str
) -> None:
    responses.get(f"{URL}/profile-bulk-import-jobs/job1", status=status, json=answer)

    assert outcomes(klaviyo.settle(Delivery("list", LIST), "job1", [row("anna")])) == {"anna": ("transient", code)}


@responses.activate
def test_a_finished_job_is_read_page_by_page_whatever_order_the_rows_are_kept_in(klaviyo: Destination) -> None:
    job = f"{URL}/profile-bulk-import-jobs/job1"
    responses.get(job, json={"data": {"attributes": {"status": "complete", "failed_count": 2}}})
    first = {
        "data": [error(2, "duplicate_profile")],
        "links": {"next": "https://evil.example.com/?page%5Bcursor%5D=abc"},
    }
    responses.get(f"{job}/import-errors", json=first, match=[matchers.query_param_matcher({"page[size]": "100"})])
    responses.get(
        f"{job}/import-errors",
        json={"data": [error(0, "invalid_email")], "links": {"next": None}},
        match=[matchers.query_param_matcher({"page[size]": "100", "page[cursor]": "abc"})],
    )

    results = klaviyo.settle(Delivery("list", LIST), "job1", [row("cleo"), row("anna"), row("bea")])

    assert outcomes(results) == {
        "anna": ("permanent", "invalid_email"),
        "bea": ("applied", ""),
        "cleo": ("permanent", "duplicate_profile"),
    }


def error(place: int | None, code: str) -> dict[str, Any]:
    pointer = None if place is None else f"/data/attributes/profiles/data/{place}/attributes/email"
    return {"attributes": {"code": code, "title": "t", "detail": "d", "source": {"pointer": pointer}}}


@pytest.mark.parametrize(
    ("errors", "failed", "expected"),
    [
        ([], 0, ["applied", "applied"]),
        ([], None, ["applied", "applied"]),
        ([error(1, "invalid")], 1, ["applied", "permanent"]),
        ([error(1, "invalid"), error(1, "also")], 1, ["applied", "permanent"]),
        ([error(0, "throttled")], 1, ["transient", "applied"]),
        ([error(None, "invalid")], 1, ["ambiguous", "ambiguous"]),
        ([error(7, "invalid")], 1, ["ambiguous", "ambiguous"]),
        ([error(0, "invalid")], 2, ["permanent", "ambiguous"]),
        ([{}], 1, ["ambiguous", "ambiguous"]),
    ],
)
def test_import_errors_are_mapped_by_their_pointer(errors: list[Any], failed: int | None, expected: list[str]) -> None:
    results = map_import_errors([row("anna"), row("bea")], errors, failed=failed)

    assert [result.outcome.value for result in results] == expected


def test_places_are_not_trusted_when_the_job_had_other_rows() -> None:
    rows = [row("anna"), row("bea")]

    assert {r.outcome for r in map_import_errors(rows, [error(0, "x")], failed=1, total=3)} == {Outcome.AMBIGUOUS}
    assert {r.outcome for r in map_import_errors(rows, [], failed=0, total=3)} == {Outcome.APPLIED}


@responses.activate
def test_a_removal_takes_off_whom_klaviyo_knows_by_the_key_and_whom_the_sync_knew_by_it(klaviyo: Destination) -> None:
    found = {"data": [{"id": "P2", "attributes": {"email": "BEA@example.com"}}], "links": {}}
    look = responses.get(f"{URL}/profiles", json=found)
    take = responses.delete(f"{URL}/lists/{LIST}/relationships/profiles", status=204)
    rows = [row("anna", op=Op.REMOVE, known_as="P1"), row("bea", op=Op.REMOVE), row("cleo", op=Op.REMOVE)]

    results = klaviyo.send(Delivery("list", LIST), Op.REMOVE, rows)

    assert [json.loads(call.request.body or b"") for call in take.calls] == [
        {"data": [{"type": "profile", "id": known}]} for known in ("P2", "P1")
    ]
    everybody = '"anna@example.com","bea@example.com","cleo@example.com"'
    assert look.calls[0].request.params["filter"] == f"any(email,[{everybody}])"
    assert outcomes(results) == {"anna": ("applied", ""), "bea": ("applied", ""), "cleo": ("applied", "no_profile")}
    assert {r.key[0]: r.destination_id for r in results} == {"a": "P1", "b": "P2", "c": None}


@responses.activate
def test_nobody_to_remove_needs_no_call_to_the_list(klaviyo: Destination) -> None:
    responses.get(f"{URL}/profiles", json={"data": []})

    assert outcomes(klaviyo.send(Delivery("list", LIST), Op.REMOVE, [row("anna", op=Op.REMOVE)])) == {
        "anna": ("applied", "no_profile")
    }


def test_lookups_keep_to_a_page_and_to_the_length_of_an_address() -> None:
    short = [f"p{i}@example.com" for i in range(250)]
    long = ["x" * 300 + str(i) for i in range(30)]

    assert [len(keys) for keys in lookups(short)] == [100, 100, 50]
    assert all(len("".join(keys)) < 6_500 for keys in lookups(long))
    assert [key for keys in lookups(long) for key in keys] == long
    assert list(lookups([])) == []


def test_a_key_cannot_break_out_of_the_filter() -> None:
    assert any_filter("email", ['a"],b\\']) == 'any(email,["a\\"],b\\\\"])'


def test_a_batch_is_measured_as_it_is_sent(klaviyo: Destination) -> None:
    one = row("anna", first_name="Änne")
    sent = json.dumps(profile(values_of(TO_LIST, one)), ensure_ascii=False, separators=(",", ":")).encode()

    assert klaviyo.size(TO_LIST, one) == len(sent) + 1
