"""Pipedrive: fields by their names, persons by their addresses, and what is not overwritten."""

from __future__ import annotations

import json
from typing import Any

import pytest
import responses
from pydantic import SecretStr, ValidationError

from reverse_etl.destinations.base import Delivery, Destination, Mode
from reverse_etl.destinations.pipedrive.destination import PipedriveSettings
from reverse_etl.destinations.pipedrive.fields import Field, by_column, column
from reverse_etl.destinations.pipedrive.payloads import with_phone
from reverse_etl.destinations.registry import connect
from reverse_etl.errors import AmbiguousCall, DestinationDown, DestinationRefused
from reverse_etl.rows import Op, Outcome, Row
from sandbox.pipedrive.api import Pipedrive
from sandbox.pipedrive.persons import code
from sandbox.server import Running
from tests.destinations.conftest import FakeTime, make_row

URL = "https://api.pipedrive.com/api/v2"
PERSON = Delivery("person", mode=Mode.MIRROR)
TIER = {"field_code": "c0de", "field_name": "Weft tier", "field_type": "enum", "is_custom_field": True}
TIERS = TIER | {"options": [{"id": 31, "label": "Gold"}]}


@pytest.fixture
def pipedrive(fake_time: FakeTime) -> Destination:
    settings = PipedriveSettings(api_token=SecretStr("tok"))
    return connect("pipedrive", settings, sleep=fake_time.sleep, clock=fake_time.clock)


@pytest.fixture
def simulated(sandbox: Running, fake_time: FakeTime) -> Destination:
    sandbox.sandbox.reset()
    settings = PipedriveSettings(base_url=f"{sandbox.url}/pipedrive", api_token=SecretStr(Pipedrive.key))
    return connect("pipedrive", settings, sleep=fake_time.sleep, clock=fake_time.clock)


def row(op: Op = Op.ADD, known_as: str | None = None, changed: tuple[str, ...] = (), **payload: Any) -> Row:
    return make_row("ann@example.com", op, known_as=known_as, changed=changed, email="ann@example.com", **payload)


def fields(*told: dict[str, Any]) -> None:
    responses.get(f"{URL}/personFields", json={"success": True, "data": list(told), "additional_data": {}})


def searched(*found: dict[str, Any]) -> responses.BaseResponse:
    items = [{"item": one} for one in found]
    call: responses.BaseResponse = responses.get(
        f"{URL}/persons/search", json={"success": True, "data": {"items": items}}
    )
    return call


ANN = {"id": 7, "emails": ["other@example.com", "ANN@example.com"]}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Weft tier", "weft_tier"), ("weft_tier", "weft_tier"), (" Weft / Tier (2) ", "weft_tier_2")],
)
def test_a_fields_name_stands_for_a_column(name: str, expected: str) -> None:
    assert column(name) == expected


@pytest.mark.parametrize(
    ("kind", "value", "sent"),
    [
        ("text", 12, "12"),
        ("double", "12.5", 12.5),
        ("double", "12", 12),
        ("date", "2026-11-01T23:00:00", "2026-11-01"),
        ("enum", "gold", 31),
        ("set", "gold, gold", [31, 31]),
        ("enum", None, None),
    ],
)
def test_a_value_is_sent_as_its_field_takes_it(kind: str, value: Any, sent: Any) -> None:
    assert by_column([TIERS | {"field_type": kind}])["weft_tier"][0].value(value) == sent


@pytest.mark.parametrize(("kind", "value"), [("enum", "tin"), ("double", "many"), ("date", "soon")])
def test_a_value_that_does_not_fit_is_no_reason_to_guess(kind: str, value: Any) -> None:
    with pytest.raises(ValueError):
        Field("c0de", kind, {"gold": 31}).value(value)


@responses.activate
def test_a_person_is_found_by_the_exact_address_and_only_what_changed_is_written(pipedrive: Destination) -> None:
    fields(TIERS)
    search = searched(ANN, {"id": 8, "emails": ["ann@example.com.au"]})
    patch = responses.patch(f"{URL}/persons/7", json={"success": True, "data": {"id": 7}})

    [added] = pipedrive.send(PERSON, Op.ADD, [row(name="Ann", weft_tier="gold")])
    pipedrive.send(PERSON, Op.CHANGE, [row(Op.CHANGE, "7", ("weft_tier",), name="Ann", weft_tier=None)])

    assert (added.outcome, added.destination_id) == (Outcome.APPLIED, "7")
    assert "exact_match=true" in str(search.calls[0].request.url)
    assert [json.loads(call.request.body or b"") for call in patch.calls] == [
        {"name": "Ann", "custom_fields": {"c0de": 31}},
        {"custom_fields": {"c0de": None}},
    ]
    assert patch.calls[0].request.headers["x-api-token"] == "tok"


@responses.activate
def test_a_new_person_without_a_name_is_called_by_its_address(pipedrive: Destination) -> None:
    fields()
    searched()
    create = responses.post(f"{URL}/persons", status=201, json={"success": True, "data": {"id": 9}})

    [added] = pipedrive.send(PERSON, Op.ADD, [row(phone="+491")])
    assert added.destination_id == "9"
    assert json.loads(create.calls[0].request.body or b"") == {
        "name": "ann@example.com",
        "emails": [{"value": "ann@example.com", "primary": True, "label": "work"}],
        "phones": [{"value": "+491", "primary": True, "label": "work"}],
    }


@responses.activate
def test_a_call_that_makes_a_person_is_not_repeated_when_it_breaks_off(pipedrive: Destination) -> None:
    fields()
    searched()
    create = responses.post(f"{URL}/persons", status=500)

    with pytest.raises(AmbiguousCall):
        pipedrive.send(PERSON, Op.ADD, [row()])
    assert len(create.calls) == 1


@responses.activate
def test_one_of_several_persons_is_not_guessed(pipedrive: Destination) -> None:
    fields()
    searched(ANN, ANN | {"id": 8})

    [found] = pipedrive.send(PERSON, Op.ADD, [row()])
    assert (found.outcome, found.code) == (Outcome.INFO, "several")


@pytest.mark.parametrize("header", ["x-daily-ratelimit-token-remaining", "X-Daily-Requests-Left"])
@responses.activate
def test_a_day_whose_tokens_are_used_up_is_not_waited_for(pipedrive: Destination, header: str) -> None:
    call = responses.get(f"{URL}/personFields", status=429, json={"success": False}, headers={header: "0"})

    with pytest.raises(DestinationRefused, match="daily_budget"):
        pipedrive.check(PERSON)
    assert len(call.calls) == 1


@responses.activate
def test_the_limit_of_two_seconds_is_waited_for(pipedrive: Destination) -> None:
    call = responses.get(f"{URL}/personFields", status=429, json={"success": False})

    with pytest.raises(DestinationDown):
        pipedrive.check(PERSON)
    assert len(call.calls) > 1


def test_a_number_is_added_to_those_that_sales_entered() -> None:
    there = [{"value": "+49111", "label": "mobile", "primary": True}]
    assert with_phone("+49111", there) is None
    assert with_phone("+49222", there) == [*there, {"value": "+49222", "label": "work", "primary": False}]
    assert with_phone("+49222", None) == [{"value": "+49222", "label": "work", "primary": True}]


@pytest.mark.parametrize(
    ("told", "name"), [([], "weft_tier"), ([TIERS, TIERS | {"field_code": "f00"}], "weft_tier")], ids=["none", "two"]
)
@responses.activate
def test_a_field_that_is_missing_or_ambiguous_is_named_before_the_first_batch(
    pipedrive: Destination, told: list[dict[str, Any]], name: str
) -> None:
    fields(*told)
    with pytest.raises(DestinationRefused, match=name):
        pipedrive.check(Delivery("person", fields=frozenset({"email", "weft_tier"})))


def test_fields_are_checked_by_name_or_code_and_amounts_with_a_currency_refused(simulated: Destination) -> None:
    simulated.check(Delivery("person", fields=frozenset({"email", "weft_tier", code("Weft note")})))
    with pytest.raises(DestinationRefused, match="weft_revenue"):
        simulated.check(Delivery("person", fields=frozenset({"email", "weft_revenue"})))


def test_a_removal_empties_what_is_ours_and_takes_nobody_away(simulated: Destination, sandbox: Running) -> None:
    values: dict[str, Any] = {
        "account_manager_s_notes": "kept",
        "weft_tier": "gold",
        "weft_interests": ["tea", "coffee"],
        "weft_old": 1,
    }
    simulated.send(PERSON, Op.ADD, [row(**values)])
    removed = simulated.send(PERSON, Op.REMOVE, [row(Op.REMOVE, "999", **values)])
    nobody = simulated.send(PERSON, Op.REMOVE, [make_row("no@example.com", Op.REMOVE, weft_tier="gold")])

    assert {one.outcome for one in (*removed, *nobody)} == {Outcome.APPLIED}
    assert [one.code for one in (*removed, *nobody)] == ["", "no_person"]
    [left] = sandbox.accounts["pipedrive"].records
    assert left["custom_fields"] == {code("Account manager's notes"): "kept"}


def test_a_label_that_is_no_option_is_the_rows_fault_alone(simulated: Destination) -> None:
    [found] = simulated.send(PERSON, Op.ADD, [row(weft_tier="tin")])
    assert (found.outcome, found.code) == (Outcome.PERMANENT, "unfit")


def test_an_app_is_let_in_by_its_refresh_token(
    sandbox: Running, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEFT_STATE_DIR", str(tmp_path))
    url = f"{sandbox.url}/pipedrive"
    settings = PipedriveSettings(
        base_url=url,
        token_url=f"{url}/oauth/token",
        client_id="weft-demo-app",
        client_secret=SecretStr("weft-demo-secret"),
        refresh_token=SecretStr("weft-demo-refresh"),
    )
    connect("pipedrive", settings).check(PERSON)


@pytest.mark.parametrize("given", [{}, {"client_id": "a"}, {"api_token": "t", "client_id": "a"}])
def test_there_is_exactly_one_way_to_authenticate(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="give either"):
        PipedriveSettings(**given)
