"""Meta: what is asked of it, and what its counts allow to be said of each row."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
import responses
from pydantic import SecretStr

from reverse_etl.destinations.base import Delivery, Destination
from reverse_etl.destinations.meta.audience import can_match, member, upload
from reverse_etl.destinations.meta.destination import MetaSettings
from reverse_etl.destinations.registry import connect
from reverse_etl.errors import AmbiguousCall, BatchRefused, DestinationDown, DestinationRefused
from reverse_etl.http import encode
from reverse_etl.rows import Op, Outcome, Row, RowResult
from tests.destinations.conftest import FakeTime, make_row

TARGET = "120000000000001"
URL = f"https://graph.facebook.com/v25.0/{TARGET}"


@pytest.fixture
def meta(fake_time: FakeTime) -> Destination:
    return connect("meta", MetaSettings(access_token=SecretStr("token")), sleep=fake_time.sleep, clock=fake_time.clock)


def row(name: str, **options: Any) -> Row:
    return make_row(name, external_id=name, email=f"{name}@example.com", **options)


ROWS = [row("anna"), row("bea")]


def outcomes(results: list[RowResult]) -> dict[str, tuple[str, str]]:
    return {result.key: (result.outcome.value, result.code) for result in results}


def counts(received: int, invalid: int) -> dict[str, Any]:
    return {
        "audience_id": TARGET,
        "num_received": received,
        "num_invalid_entries": invalid,
        "invalid_entry_samples": {},
    }


def refusal(code: int, subcode: int | None = None) -> dict[str, Any]:
    error: dict[str, Any] = {"message": "anna@example.com", "type": "OAuthException", "code": code}
    return {"error": error | ({"error_subcode": subcode} if subcode else {})}


@pytest.mark.parametrize(("op", "method"), [(Op.ADD, "POST"), (Op.CHANGE, "POST"), (Op.REMOVE, "DELETE")])
@responses.activate
def test_members_are_sent_hashed_and_the_token_in_a_header(meta: Destination, op: Op, method: str) -> None:
    call = responses.add(method, f"{URL}/users", json=counts(2, 0))

    assert outcomes(meta.send(Delivery("custom_audience", TARGET), op, ROWS)) == {
        "anna": ("applied", ""),
        "bea": ("applied", ""),
    }

    request = call.calls[0].request
    assert request.headers["Authorization"] == "Bearer token"
    assert "token" not in (request.url or "")
    payload = json.loads(request.body or b"")["payload"]
    assert payload["schema"] == ["EXTERN_ID", "EMAIL"]
    assert [entry[0] for entry in payload["data"]] == ["anna", "bea"]
    assert b"example.com" not in (request.body or b"")


@responses.activate
def test_a_row_that_nobody_can_be_found_by_is_not_sent(meta: Destination) -> None:
    call = responses.post(f"{URL}/users", json=counts(1, 0))
    nobody = make_row("P9", external_id="P9", email=None, city="Köln")

    results = meta.send(Delivery("custom_audience", TARGET), Op.ADD, [row("anna"), nobody])

    assert outcomes(results) == {"anna": ("applied", ""), "P9": ("permanent", "nothing_to_match")}
    assert b"P9" not in (call.calls[0].request.body or b"")
    assert outcomes(meta.send(Delivery("custom_audience", TARGET), Op.REMOVE, [nobody])) == {
        "P9": ("applied", "never_sent")
    }


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (counts(2, 0), Outcome.APPLIED),
        (counts(2, 2), Outcome.PERMANENT),
        (counts(1, 0), Outcome.AMBIGUOUS),
        ({}, Outcome.AMBIGUOUS),
        ([], Outcome.AMBIGUOUS),
    ],
)
@responses.activate
def test_no_more_is_said_of_a_row_than_the_counts_allow(meta: Destination, answer: Any, outcome: Outcome) -> None:
    responses.post(f"{URL}/users", json=answer)

    assert {r.outcome for r in meta.send(Delivery("custom_audience", TARGET), Op.ADD, ROWS)} == {outcome}


@responses.activate
def test_some_invalid_entries_give_the_batch_back_until_the_bad_row_stands_alone(meta: Destination) -> None:
    responses.post(f"{URL}/users", json=counts(2, 1))
    with pytest.raises(BatchRefused, match="invalid_entry"):
        meta.send(Delivery("custom_audience", TARGET), Op.ADD, ROWS)

    responses.replace("POST", f"{URL}/users", json=counts(1, 1))
    assert outcomes(meta.send(Delivery("custom_audience", TARGET), Op.ADD, ROWS[:1])) == {
        "anna": ("permanent", "invalid_entry")
    }


@responses.activate
def test_a_removal_from_a_small_audience_stays_pending_without_fault(meta: Destination) -> None:
    responses.delete(f"{URL}/users", status=400, json=refusal(200, 1870047))

    assert outcomes(meta.send(Delivery("custom_audience", TARGET), Op.REMOVE, ROWS)) == {
        "anna": ("info", "200/1870047"),
        "bea": ("info", "200/1870047"),
    }


@pytest.mark.parametrize(
    ("status", "code", "subcode", "error", "calls"),
    [
        (400, 100, 1713230, DestinationRefused, 1),
        (400, 100, 33, DestinationRefused, 1),
        (401, 190, None, DestinationRefused, 1),
        (400, 190, 463, DestinationRefused, 1),
        (403, 10, None, DestinationRefused, 1),
        (400, 200, 1870034, DestinationRefused, 1),
        (400, 2635, None, DestinationRefused, 1),
        (400, 17, 2446079, DestinationDown, 6),
        (400, 613, 1487742, DestinationDown, 6),
        (400, 80003, None, DestinationDown, 6),
        (500, 2, None, AmbiguousCall, 6),
        (400, 1, None, AmbiguousCall, 6),
        (400, 100, None, BatchRefused, 1),
        (413, 9999, None, BatchRefused, 1),
    ],
)
@responses.activate
def test_each_error_is_told_apart_by_its_code(
    meta: Destination, status: int, code: int, subcode: int | None, error: type[Exception], calls: int
) -> None:
    call = responses.post(f"{URL}/users", status=status, json=refusal(code, subcode))

    with pytest.raises(error) as raised:
        meta.send(Delivery("custom_audience", TARGET), Op.ADD, ROWS)

    assert type(raised.value) is error
    assert len(call.calls) == calls
    assert "anna" not in str(raised.value)


@pytest.mark.parametrize(
    ("usage", "least"),
    [
        ('{"8420": [{"estimated_time_to_regain_access": 1}]}', 60),
        ('{"8420": [{"estimated_time_to_regain_access": 900}]}', 120),
        ('{"8420": []}', 0),
        ("nonsense", 0),
    ],
)
@responses.activate
def test_a_throttled_account_waits_as_long_as_the_usage_header_says(
    meta: Destination, naps: list[float], usage: str, least: float
) -> None:
    headers = {"X-Business-Use-Case-Usage": usage}
    responses.post(f"{URL}/users", status=400, json=refusal(80003), headers=headers)
    responses.post(f"{URL}/users", json=counts(2, 0))

    meta.send(Delivery("custom_audience", TARGET), Op.ADD, ROWS)

    assert least <= naps[0] <= least + 1


def test_an_entry_has_only_what_the_row_has_and_nothing_readable_but_the_own_id() -> None:
    rows: list[dict[str, Any]] = [
        {"external_id": "P1", "email": "Anna@Example.com", "phone": None},
        {"external_id": "P2", "country": "DE"},
    ]
    email, country = (hashlib.sha256(text).hexdigest() for text in (b"anna@example.com", b"de"))

    assert upload([member(row) for row in rows])["payload"] == {
        "schema": ["EXTERN_ID", "EMAIL", "COUNTRY"],
        "data": [["P1", email, ""], ["P2", "", country]],
    }


@pytest.mark.parametrize(
    ("payload", "possible"),
    [
        ({"email": "a@b.de"}, True),
        ({"phone": "+4915112345678"}, True),
        ({"phone": "0151 12345678", "country": "DE"}, True),
        ({"phone": "0151 12345678"}, False),
        ({"mobile_ad_id": "aece52e7-03ee-455a-b3c4-e57283966239"}, True),
        ({"first_name": "Anna", "last_name": "Arndt", "postal_code": "50667"}, True),
        ({"first_name": "Anna", "last_name": "Arndt", "country": "DE"}, False),
        ({"external_id": "P1", "city": "Köln"}, False),
        ({"email": "nonsense"}, False),
        ({}, False),
    ],
)
def test_a_row_that_nobody_can_be_found_by_is_recognised(payload: dict[str, str], possible: bool) -> None:
    assert can_match(member(payload)) is possible


def test_a_row_is_measured_at_least_as_long_as_it_is_sent(meta: Destination) -> None:
    for sent in (row("anna", phone="+4915112345678", city=None), make_row("ünï", external_id="ünï\\"), make_row("x")):
        assert (
            meta.size(Delivery("custom_audience"), sent)
            >= len(encode(upload([member(sent.payload)])["payload"]["data"][0])) + 1
        )


@responses.activate
def test_a_restricted_audience_is_noticed_before_anything_is_sent(meta: Destination) -> None:
    responses.get(URL, json={"id": TARGET, "operation_status": {"code": 200, "description": "Normal"}})
    meta.check(Delivery("custom_audience", TARGET))

    responses.replace("GET", URL, json={"id": TARGET, "operation_status": {"code": 471, "description": "Flagged"}})
    with pytest.raises(DestinationRefused, match="471"):
        meta.check(Delivery("custom_audience", TARGET))


@pytest.mark.parametrize("target", [None, "", "act_1", "../me", "\uff11\uff12"])
def test_a_target_that_is_no_audience_is_refused_without_a_call(meta: Destination, target: str | None) -> None:
    with pytest.raises(DestinationRefused, match="number"):
        meta.check(Delivery("custom_audience", target))

    assert meta.traffic.calls == 0
