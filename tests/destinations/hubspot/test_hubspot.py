"""HubSpot: what is asked of it, and what its answers mean for each row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import responses
from pydantic import SecretStr

from reverse_etl.connections import load_connections
from reverse_etl.definitions import load_syncs
from reverse_etl.destinations.base import Delivery, Destination
from reverse_etl.destinations.hubspot.destination import HubSpotSettings
from reverse_etl.destinations.hubspot.payloads import map_batch, text
from reverse_etl.destinations.policies import written
from reverse_etl.destinations.registry import connect
from reverse_etl.errors import BatchRefused, ConfigError, DestinationDown, DestinationRefused
from reverse_etl.rows import Op, Outcome, Row, RowResult
from tests.destinations.conftest import FakeTime, make_row
from warehouse.manifest import Manifest

URL = "https://api.hubapi.com/crm/objects/2026-03/contacts"
PEOPLE = ("anna@example.com", "bea@example.com", "cleo@example.com")


@pytest.fixture
def hubspot(fake_time: FakeTime) -> Destination:
    return connect(
        "hubspot", HubSpotSettings(access_token=SecretStr("pat-test")), sleep=fake_time.sleep, clock=fake_time.clock
    )


def row(name: str, **options: Any) -> Row:
    return make_row(f"{name}@example.com", email=f"{name}@example.com", **options)


def outcomes(results: list[RowResult]) -> dict[str, tuple[str, str]]:
    return {result.key.split("@")[0]: (result.outcome.value, result.code) for result in results}


def problem(category: str = "VALIDATION_ERROR", **context: Any) -> dict[str, Any]:
    return {"status": "error", "category": category, "message": "anna@example.com is invalid", "context": context}


@pytest.mark.parametrize(
    ("value", "spelled"),
    [("Ada", "Ada"), (12.5, "12.5"), (3, "3"), (True, "true"), (False, "false"), ("", ""), (["a"], '["a"]')],
)
def test_every_value_is_sent_as_a_text(value: object, spelled: str) -> None:
    assert text(value) == spelled


def test_an_empty_value_is_left_out_when_it_is_new_and_cleared_when_it_changed() -> None:
    contact = Delivery("contact")
    assert "phone" not in written(contact, row("anna", phone=None))
    assert "phone" not in written(contact, row("anna", op=Op.CHANGE, phone=None, changed=("city",)))
    assert written(contact, row("anna", op=Op.CHANGE, phone=None, changed=("phone",)))["phone"] is None


@responses.activate
def test_contacts_are_upserted_by_their_address_and_all_columns_are_sent(hubspot: Destination) -> None:
    result = {"id": "501", "objectWriteTraceId": "0", "new": True, "properties": {"email": "anna@example.com"}}
    call = responses.post(f"{URL}/batch/upsert", json={"status": "COMPLETE", "results": [result]})

    results = hubspot.send(
        Delivery("contact"), Op.CHANGE, [row("anna", firstname="Anna", lastname="A", changed=("firstname",))]
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
    results = map_batch(PEOPLE, body)

    assert [result.outcome.value for result in results] == expected
    assert not any("anna" in result.reason for result in results)


def test_errors_that_name_no_row_give_the_batch_back_to_be_halved() -> None:
    with pytest.raises(BatchRefused):
        map_batch(PEOPLE, {"results": [ANNA], "errors": [problem(), problem()]})


@responses.activate
def test_a_batch_that_is_refused_whole_is_given_back_without_its_message(hubspot: Destination) -> None:
    message = "Duplicate IDs found in batch input: [anna@example.com]. IDs must be unique"
    responses.post(f"{URL}/batch/upsert", status=400, json={"category": "VALIDATION_ERROR", "message": message})

    with pytest.raises(BatchRefused, match="VALIDATION_ERROR") as raised:
        hubspot.send(Delivery("contact"), Op.ADD, [row("anna"), row("bea")])

    assert "anna" not in str(raised.value)


@responses.activate
def test_a_property_that_does_not_exist_stops_the_run_and_is_named(hubspot: Destination) -> None:
    inner = json.dumps([{"message": 'Property "weft_ltv" does not exist', "error": "PROPERTY_DOESNT_EXIST"}])
    body = {"category": "VALIDATION_ERROR", "message": f"Property values were not valid: {inner}".replace("\\", "")}
    responses.post(f"{URL}/batch/upsert", status=400, json=body)

    with pytest.raises(DestinationRefused, match="weft_ltv"):
        hubspot.send(Delivery("contact"), Op.ADD, [row("anna", weft_ltv=3)])


@responses.activate
def test_the_daily_limit_is_not_waited_for(hubspot: Destination) -> None:
    call = responses.post(f"{URL}/batch/upsert", status=429, json={"policyName": "DAILY"})

    with pytest.raises(DestinationRefused, match="daily_limit"):
        hubspot.send(Delivery("contact"), Op.ADD, [row("anna")])
    assert len(call.calls) == 1


@responses.activate
def test_the_ten_second_limit_is_waited_for(hubspot: Destination) -> None:
    call = responses.post(f"{URL}/batch/upsert", status=429, json={"policyName": "TEN_SECONDLY_ROLLING"})

    with pytest.raises(DestinationDown):
        hubspot.send(Delivery("contact"), Op.ADD, [row("anna")])
    assert len(call.calls) > 1


def leaving(name: str, known_as: str | None = None, **payload: Any) -> Row:
    return row(name, op=Op.REMOVE, known_as=known_as, **({"weft_lifetime_value": 12.5} | payload))


@responses.activate
def test_a_removal_empties_only_what_bears_our_prefix_and_looks_up_unknown_ids(
    hubspot: Destination,
) -> None:
    found = {
        "results": [{**BEA, "properties": {"email": "Bea@example.com"}}, CLEO],
        "errors": [problem(ids=["dora@example.com"])],
    }
    read = responses.post(f"{URL}/batch/read", status=207, json=found)
    done = {"results": [{"id": "503"}, {"id": "999", "objectWriteTraceId": "1"}, {"id": "501"}]}
    update = responses.post(f"{URL}/batch/update", json=done)
    # HubSpot's own properties that no list of ours could name in full, and one that sales made for themselves.
    theirs = {"hs_language": "de", "associatedcompanyid": "7", "total_revenue": 9, "tier": "gold"}
    rows = [leaving("anna", "501", firstname="Anna", phone=None, **theirs)]
    rows += [leaving(name) for name in ("bea", "cleo", "dora")]

    results = hubspot.send(Delivery("contact"), Op.REMOVE, rows)

    assert json.loads(read.calls[0].request.body or b"")["idProperty"] == "email"
    empty = {"weft_lifetime_value": ""}
    assert json.loads(update.calls[0].request.body or b"") == {
        "inputs": [
            {"id": contact_id, "objectWriteTraceId": str(place), "properties": empty}
            for place, contact_id in enumerate(("501", "502", "503"))
        ]
    }
    assert outcomes(results) == {
        "anna": ("applied", ""),
        "bea": ("applied", ""),
        "cleo": ("applied", ""),
        "dora": ("applied", "no_contact"),
    }


@responses.activate
def test_a_removal_that_fails_in_part_says_so_and_a_contact_that_is_gone_is_no_failure(hubspot: Destination) -> None:
    errors = [
        problem("OBJECT_NOT_FOUND", ids=["501"]),
        problem("INTERNAL_ERROR", objectWriteTraceId=["1"]),
        problem("VALIDATION_ERROR", id="503"),
    ]
    responses.post(f"{URL}/batch/update", status=207, json={"results": [], "errors": errors})
    responses.post(f"{URL}/batch/read", status=207, json={"results": [], "errors": [problem("OBJECT_NOT_FOUND")]})
    rows = [leaving("anna", "501"), leaving("bea", "502"), leaving("cleo", "503"), leaving("dora", "504")]

    assert outcomes(hubspot.send(Delivery("contact"), Op.REMOVE, rows)) == {
        "anna": ("applied", "no_contact"),
        "bea": ("transient", "INTERNAL_ERROR"),
        "cleo": ("permanent", "VALIDATION_ERROR"),
        "dora": ("transient", "no_answer"),
    }


@responses.activate
def test_two_addresses_of_one_merged_contact_are_one_input(hubspot: Destination) -> None:
    update = responses.post(f"{URL}/batch/update", json={"results": [{"id": "501"}]})

    results = hubspot.send(Delivery("contact"), Op.REMOVE, [leaving("anna", "501"), leaving("bea", "501")])

    assert len(json.loads(update.calls[0].request.body or b"")["inputs"]) == 1
    assert outcomes(results) == {"anna": ("applied", ""), "bea": ("applied", "")}


@responses.activate
def test_a_property_that_was_deleted_from_hubspot_does_not_hold_up_a_removal(hubspot: Destination) -> None:
    inner = json.dumps([{"error": "PROPERTY_DOESNT_EXIST", "name": "weft_old"}])
    body = {"category": "VALIDATION_ERROR", "message": f"Property values were not valid: {inner}"}
    responses.post(f"{URL}/batch/update", status=400, json=body)
    second = responses.post(f"{URL}/batch/update", json={"results": [{"id": "501"}]})

    assert outcomes(hubspot.send(Delivery("contact"), Op.REMOVE, [leaving("anna", "501", weft_old=1)])) == {
        "anna": ("applied", "")
    }
    [sent] = json.loads(second.calls[0].request.body or b"")["inputs"]
    assert sent["properties"] == {"weft_lifetime_value": ""}


@responses.activate
def test_a_removal_without_properties_of_ours_calls_nobody(hubspot: Destination) -> None:
    theirs = row("anna", op=Op.REMOVE, firstname="Anna", tier="gold", known_as="501")
    results = hubspot.send(Delivery("contact"), Op.REMOVE, [theirs])

    assert outcomes(results) == {"anna": ("applied", "no_columns")}
    assert len(responses.calls) == 0


@responses.activate
def test_a_token_that_does_not_work_is_noticed_before_anything_is_sent(hubspot: Destination) -> None:
    responses.get(URL, status=401, json={"category": "INVALID_AUTHENTICATION"})

    with pytest.raises(DestinationRefused):
        hubspot.check(Delivery("contact"))


@pytest.mark.parametrize(
    ("mode", "columns", "refused"),
    [
        ("mirror", ("firstname", "country"), True),
        ("mirror", ("firstname", "tier"), True),
        ("mirror", ("firstname", "weft_lifetime_value"), False),
        ("upsert", ("firstname", "country"), False),
    ],
)
def test_a_mirror_that_would_have_nothing_to_empty_is_refused(
    tmp_path: Path, mode: str, columns: tuple[str, ...], refused: bool
) -> None:
    sync = {"object": "contact", "mode": mode, "key": "email", "purpose": "sales_outreach"}
    _is_refused(tmp_path, sync, ("profile_id", "email", *columns), refused)


@pytest.mark.parametrize(
    ("key", "columns", "refused"),
    [
        ("weft_account_id", ("weft_tier",), False),
        ("domain", ("weft_tier",), False),
        ("weft_account_id", ("name",), True),
    ],
)
def test_a_feed_of_companies_is_not_of_people_and_has_any_key(
    tmp_path: Path, key: str, columns: tuple[str, ...], refused: bool
) -> None:
    _is_refused(tmp_path, {"object": "company", "mode": "mirror", "key": key}, (key, *columns), refused)


def _is_refused(tmp_path: Path, block: dict[str, str], names: tuple[str, ...], refused: bool) -> None:
    """Look whether a sync of a feed with these columns is refused for having nothing to empty."""
    sync = {"connection": "crm", **block, "guards": {"max_removed": "30%"}}
    models = {"sync_crm": names, "profile_consents": (), "suppressions": ()}
    parsed = {
        "metadata": {"adapter_type": "duckdb"},
        "nodes": {
            f"model.shop.{name}": {
                "unique_id": f"model.shop.{name}",
                "name": name,
                "resource_type": "model",
                "schema": "weft",
                "original_file_path": f"models/{name}.sql",
                "columns": {column: {"name": column} for column in described},
            }
            for name, described in models.items()
        }
        | {
            "seed.shop.purposes": {
                "unique_id": "seed.shop.purposes",
                "name": "purposes",
                "resource_type": "seed",
                "schema": "weft",
                "root_path": str(tmp_path),
                "original_file_path": "purposes.csv",
            }
        },
        "exposures": {
            "exposure.shop.crm": {
                "unique_id": "exposure.shop.crm",
                "name": "crm",
                "original_file_path": "models/crm.yml",
                "owner": {"name": "Sales", "email": "sales@example.com"},
                "config": {"meta": {"sync": sync}},
                "depends_on": {"nodes": ["model.shop.sync_crm"]},
            }
        },
    }
    (tmp_path / "purposes.csv").write_text("purpose\nsales_outreach\n")
    (tmp_path / "manifest.json").write_text(json.dumps(parsed))
    (tmp_path / "connections.yml").write_text("connections: {crm: {destination: hubspot, access_token: '${TOKEN}'}}")
    connections = load_connections(tmp_path / "connections.yml", {})
    manifest = Manifest.load(tmp_path / "manifest.json")

    if refused:
        with pytest.raises(ConfigError, match="begin with weft_"):
            load_syncs(manifest, connections)
    else:
        assert [found.name for found in load_syncs(manifest, connections)] == ["crm"]
