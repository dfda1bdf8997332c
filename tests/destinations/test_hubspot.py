"""HubSpot: what is asked of it, and what its answers mean for each row."""

from __future__ import annotations

import json
from typing import Any

import pytest
import responses
from pydantic import SecretStr

from reverse_etl.destinations.base import Destination
from reverse_etl.destinations.hubspot import HubSpotSettings, map_upsert, upsert_input
from reverse_etl.destinations.registry import connect
from reverse_etl.errors import BatchRefused, DestinationDown, DestinationRefused
from reverse_etl.rows import Op, Outcome, Row, RowResult

from .conftest import make_row

URL = "https://api.hubapi.com/crm/objects/2026-03/contacts"


@pytest.fixture
def hubspot() -> Destination:
    return connect("hubspot", HubSpotSettings(access_token=SecretStr("pat-test")), sleep=lambda _: None)


def row(name: str, **options: Any) -> Row:
    return make_row(f"{name}@example.com", email=f"{name}@example.com", **options)


def outcomes(results: list[RowResult]) -> dict[str, tuple[str, str]]:
    return {result.key.split("@")[0]: (result.outcome.value, result.code) for result in results}


def problem(category: str = "VALIDATION_ERROR", **context: Any) -> dict[str, Any]:
    return {"status": "error", "category": category, "message": "anna@example.com is invalid", "context": context}


@pytest.mark.parametrize(
    ("value", "text"),
    [("Ada", "Ada"), (12.5, "12.5"), (3, "3"), (True, "true"), (False, "false"), ("", ""), (["a"], '["a"]')],
)
def test_every_value_is_sent_as_a_text(value: object, text: str) -> None:
    assert upsert_input(row("anna", weft_score=value), 0)["properties"]["weft_score"] == text


def test_an_empty_value_is_left_out_when_it_is_new_and_cleared_when_it_changed() -> None:
    assert "phone" not in upsert_input(row("anna", phone=None), 0)["properties"]
    assert "phone" not in upsert_input(row("anna", op=Op.CHANGE, phone=None, changed=("city",)), 0)["properties"]
    assert upsert_input(row("anna", op=Op.CHANGE, phone=None, changed=("phone",)), 0)["properties"]["phone"] == ""


@responses.activate
def test_contacts_are_upserted_by_their_address_and_all_columns_are_sent(hubspot: Destination) -> None:
    result = {"id": "501", "objectWriteTraceId": "0", "new": True, "properties": {"email": "anna@example.com"}}
    call = responses.post(f"{URL}/batch/upsert", json={"status": "COMPLETE", "results": [result]})

    results = hubspot.send(
        "contact", None, Op.CHANGE, [row("anna", firstname="Anna", lastname="A", changed=("firstname",))]
    )

    assert results == [RowResult("anna@example.com", Outcome.APPLIED, destination_id="501")]
    assert call.calls[0].request.headers["Authorization"] == "Bearer pat-test"
    assert json.loads(call.calls[0].request.body or b"") == {
        "inputs": [
            {
                "id": "anna@example.com",
                "idProperty": "email",
                "objectWriteTraceId": "0",
                "properties": {"email": "anna@example.com", "firstname": "Anna", "lastname": "A"},
            }
        ]
    }


ANNA = {"id": "501", "properties": {"email": "ANNA@example.com"}}
BEA = {"id": "502", "objectWriteTraceId": "1", "properties": {"email": "other@example.com"}}
CLEO = {"id": "503", "properties": {"email": "new@example.com", "hs_additional_emails": "x@y.z;cleo@example.com"}}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"results": [CLEO, BEA, ANNA]}, ["applied", "applied", "applied"]),
        (
            {"results": [ANNA, CLEO], "errors": [problem(objectWriteTraceId=["1"])]},
            ["applied", "permanent", "applied"],
        ),
        (
            {"results": [ANNA], "errors": [problem(ids=["BEA@example.com", "cleo@example.com"])]},
            ["applied", "permanent", "permanent"],
        ),
        ({"results": [ANNA, BEA], "errors": [problem()]}, ["applied", "applied", "permanent"]),
        (
            {"results": [ANNA, BEA], "errors": [problem("RATE_LIMITS", id="cleo@example.com")]},
            ["applied", "applied", "transient"],
        ),
        ({"results": [ANNA]}, ["applied", "transient", "transient"]),
        ({}, ["transient", "transient", "transient"]),
        ({"results": None, "errors": None}, ["transient", "transient", "transient"]),
    ],
)
def test_a_partial_failure_is_matched_to_its_rows(body: dict[str, Any], expected: list[str]) -> None:
    results = map_upsert([row("anna"), row("bea"), row("cleo")], body)

    assert [result.outcome.value for result in results] == expected
    assert not any("anna" in result.reason for result in results)


def test_errors_that_name_no_row_give_the_batch_back_to_be_halved() -> None:
    with pytest.raises(BatchRefused):
        map_upsert([row("anna"), row("bea"), row("cleo")], {"results": [ANNA], "errors": [problem(), problem()]})


@responses.activate
def test_a_batch_that_is_refused_whole_is_given_back_without_its_message(hubspot: Destination) -> None:
    message = "Duplicate IDs found in batch input: [anna@example.com]. IDs must be unique"
    responses.post(f"{URL}/batch/upsert", status=400, json={"category": "VALIDATION_ERROR", "message": message})

    with pytest.raises(BatchRefused, match="VALIDATION_ERROR") as raised:
        hubspot.send("contact", None, Op.ADD, [row("anna"), row("bea")])

    assert "anna" not in str(raised.value)


@responses.activate
def test_a_property_that_does_not_exist_stops_the_run_and_is_named(hubspot: Destination) -> None:
    inner = json.dumps([{"message": 'Property "weft_ltv" does not exist', "error": "PROPERTY_DOESNT_EXIST"}])
    body = {"category": "VALIDATION_ERROR", "message": f"Property values were not valid: {inner}".replace("\\", "")}
    responses.post(f"{URL}/batch/upsert", status=400, json=body)

    with pytest.raises(DestinationRefused, match="weft_ltv"):
        hubspot.send("contact", None, Op.ADD, [row("anna", weft_ltv=3)])


@responses.activate
def test_the_daily_limit_is_not_waited_for(hubspot: Destination) -> None:
    call = responses.post(f"{URL}/batch/upsert", status=429, json={"policyName": "DAILY"})

    with pytest.raises(DestinationRefused, match="daily_limit"):
        hubspot.send("contact", None, Op.ADD, [row("anna")])
    assert len(call.calls) == 1


@responses.activate
def test_the_ten_second_limit_is_waited_for(hubspot: Destination) -> None:
    call = responses.post(f"{URL}/batch/upsert", status=429, json={"policyName": "TEN_SECONDLY_ROLLING"})

    with pytest.raises(DestinationDown):
        hubspot.send("contact", None, Op.ADD, [row("anna")])
    assert len(call.calls) > 1


@responses.activate
def test_a_removal_archives_by_id_and_looks_up_those_it_does_not_know(hubspot: Destination) -> None:
    found = {
        "results": [{**BEA, "properties": {"email": "Bea@example.com"}}, CLEO],
        "errors": [problem(ids=["dora@example.com"])],
    }
    read = responses.post(f"{URL}/batch/read", status=207, json=found)
    archive = responses.post(f"{URL}/batch/archive", status=204)
    rows = [row("anna", op=Op.REMOVE, known_as="501"), *(row(name, op=Op.REMOVE) for name in ("bea", "cleo", "dora"))]

    results = hubspot.send("contact", None, Op.REMOVE, rows)

    assert json.loads(read.calls[0].request.body or b"")["idProperty"] == "email"
    assert json.loads(archive.calls[0].request.body or b"") == {"inputs": [{"id": "501"}, {"id": "502"}, {"id": "503"}]}
    assert outcomes(results) == {
        "anna": ("applied", ""),
        "bea": ("applied", ""),
        "cleo": ("applied", ""),
        "dora": ("applied", "no_contact"),
    }


@responses.activate
def test_an_archive_that_fails_in_part_says_so(hubspot: Destination) -> None:
    errors = [problem("OBJECT_NOT_FOUND", ids=["501"]), problem("INTERNAL_ERROR", ids=["502"])]
    responses.post(f"{URL}/batch/archive", status=207, json={"errors": errors})
    rows = [row("anna", op=Op.REMOVE, known_as="501"), row("bea", op=Op.REMOVE, known_as="502")]

    assert outcomes(hubspot.send("contact", None, Op.REMOVE, rows)) == {
        "anna": ("applied", ""),
        "bea": ("transient", "INTERNAL_ERROR"),
    }


@responses.activate
def test_a_token_that_does_not_work_is_noticed_before_anything_is_sent(hubspot: Destination) -> None:
    responses.get(URL, status=401, json={"category": "INVALID_AUTHENTICATION"})

    with pytest.raises(DestinationRefused):
        hubspot.check("contact", None)
