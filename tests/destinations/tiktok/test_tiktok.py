"""TikTok: what is asked of it, and what its codes say of each row."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
import responses
from pydantic import SecretStr

from reverse_etl.destinations.base import Delivery, Destination, Mode
from reverse_etl.destinations.registry import connect
from reverse_etl.destinations.tiktok import payloads
from reverse_etl.destinations.tiktok.destination import TikTokSettings
from reverse_etl.errors import AmbiguousCall, BatchRefused, DestinationDown, DestinationRefused
from reverse_etl.http import encode
from reverse_etl.rows import Op, RowResult
from tests.destinations.conftest import FakeTime, make_row

URL = "https://business-api.tiktok.com/open_api/v1.3"
MAPPING, TRACK, AUDIENCE = f"{URL}/segment/mapping/", f"{URL}/event/track/", f"{URL}/dmp/custom_audience/get/"
SEGMENT = Delivery("segment", "170000000000001")
EVENT = Delivery("event", "web:CDEMO0000WEFT", Mode.APPEND, "event_id")
OK = {"code": 0, "message": "OK", "request_id": "r", "data": {}}
NOW = datetime(2026, 11, 22, 11, 30, tzinfo=UTC)
ROWS = [make_row(f"{name}@example.com", email=f"{name}@example.com") for name in ("anna", "bea")]


@pytest.fixture
def tiktok(fake_time: FakeTime) -> Destination:
    return opened(fake_time, "7000000000000000001")


def opened(fake_time: FakeTime, advertiser: str) -> Destination:
    settings = TikTokSettings(access_token=SecretStr("token"), advertiser_id=advertiser)
    return connect("tiktok", settings, sleep=fake_time.sleep, clock=fake_time.clock)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def outcomes(results: list[RowResult]) -> dict[str, tuple[str, str]]:
    return {result.key: (result.outcome.value, result.code) for result in results}


def purchase(**payload: Any) -> dict[str, Any]:
    return {
        "event_id": "order-1",
        "event_name": "Purchase",
        "occurred_at": NOW.isoformat(),
        "url": "https://shop.example.com",
        "email": "anna@example.com",
        "value": "12.50",
        "currency": " eur",
    } | payload


@pytest.mark.parametrize(("op", "action"), [(Op.ADD, "add"), (Op.CHANGE, "add"), (Op.REMOVE, "delete")])
@responses.activate
def test_people_are_sent_hashed_and_the_token_in_a_header(tiktok: Destination, op: Op, action: str) -> None:
    call = responses.post(MAPPING, json=OK)
    rows = [ROWS[0], make_row("b", email=None, phone="0170 1234567", country="DE")]

    assert {outcome for outcome, _ in outcomes(tiktok.send(SEGMENT, op, rows)).values()} == {"applied"}

    request = call.calls[0].request
    assert request.headers["Access-Token"] == "token"
    audience = {"audience_ids": ["170000000000001"]}
    assert json.loads(request.body or b"") == {
        "advertiser_ids": ["7000000000000000001"],
        "action": action,
        "id_schema": ["EMAIL_SHA256", "PHONE_SHA256"],
        "batch_data": [
            [{"id": sha256("anna@example.com"), **audience}, {}],
            [{}, {"id": sha256("+491701234567"), **audience}],
        ],
    }


@responses.activate
def test_a_row_that_nobody_can_be_found_by_is_not_sent(tiktok: Destination) -> None:
    call = responses.post(MAPPING, json=OK)
    nobody = make_row("x", email="n/a", phone="0170 1234567")

    assert outcomes(tiktok.send(SEGMENT, Op.ADD, [ROWS[0], nobody]))["x"] == ("permanent", "nothing_to_match")
    assert len(json.loads(call.calls[0].request.body or b"")["batch_data"]) == 1
    assert outcomes(tiktok.send(SEGMENT, Op.REMOVE, [nobody])) == {"x": ("applied", "never_sent")}


@pytest.mark.parametrize(
    ("status", "body", "error", "calls"),
    [
        (200, {"code": 40001}, DestinationRefused, 1),
        (200, {"code": 40105}, DestinationRefused, 1),
        (200, {"code": 40104}, DestinationRefused, 1),
        (200, {"code": 40007}, DestinationRefused, 1),
        (200, {"code": 40100}, DestinationDown, 6),
        (200, {"code": 50000}, AmbiguousCall, 6),
        (200, {"code": 40002}, BatchRefused, 1),
        (200, {"code": 40999}, BatchRefused, 1),
        (200, {}, AmbiguousCall, 6),
        (200, [], AmbiguousCall, 6),
        (401, {}, DestinationRefused, 1),
        (400, {}, BatchRefused, 1),
        (502, {}, AmbiguousCall, 6),
    ],
)
@responses.activate
def test_each_code_inside_a_success_means_what_it_says(
    tiktok: Destination, status: int, body: Any, error: type[Exception], calls: int
) -> None:
    answer = body | {"message": "anna@example.com", "request_id": "r"} if body else body
    call = responses.post(MAPPING, status=status, json=answer)

    with pytest.raises(error) as raised:
        tiktok.send(SEGMENT, Op.ADD, ROWS)

    assert type(raised.value) is error
    assert len(call.calls) == calls
    assert "anna" not in str(raised.value)


@responses.activate
def test_a_refused_call_is_given_back_with_its_code(tiktok: Destination) -> None:
    responses.post(MAPPING, json={"code": 40002, "message": "anna@example.com"})

    with pytest.raises(BatchRefused) as raised:
        tiktok.send(SEGMENT, Op.ADD, ROWS)

    assert raised.value.code == "40002"
    assert tiktok.codes["40002"].outcome.value == "permanent"


@responses.activate
def test_an_audience_of_somebody_else_is_noticed_before_anything_is_sent(tiktok: Destination) -> None:
    known = {"data": {"list": [{"audience_details": {"audience_id": "170000000000001"}}]}}
    call = responses.get(AUDIENCE, json=OK | known)
    tiktok.check(SEGMENT)
    assert "custom_audience_ids=%5B%22170000000000001%22%5D" in (call.calls[0].request.url or "")

    responses.replace("GET", AUDIENCE, json=OK | {"data": {"list": []}})
    with pytest.raises(DestinationRefused, match="no such audience"):
        tiktok.check(SEGMENT)


@pytest.mark.parametrize("target", [None, "", "act_1", "../me"])
def test_a_target_that_is_no_audience_is_refused_without_a_call(tiktok: Destination, target: str | None) -> None:
    with pytest.raises(DestinationRefused, match="number"):
        tiktok.check(Delivery("segment", target))

    assert tiktok.traffic.calls == 0


@responses.activate
def test_an_audience_needs_an_advertiser_and_events_do_not(fake_time: FakeTime) -> None:
    responses.post(TRACK, json={"code": 40002})
    nobody = opened(fake_time, "")

    with pytest.raises(DestinationRefused, match="advertiser"):
        nobody.check(SEGMENT)
    nobody.check(EVENT)


@pytest.mark.parametrize("target", [None, "", "CDEMO", "app:1", "web:", "web:a/b"])
def test_events_need_to_be_told_where_they_happened(tiktok: Destination, target: str | None) -> None:
    with pytest.raises(DestinationRefused, match="where they happened"):
        tiktok.check(Delivery("event", target, Mode.APPEND, "event_id"))


@pytest.mark.parametrize(("code", "message"), [(40105, "token"), (40001, "permission"), (40007, "event source")])
@responses.activate
def test_what_is_wrong_with_a_source_is_noticed_by_a_call_without_events(
    tiktok: Destination, code: int, message: str
) -> None:
    call = responses.post(TRACK, json={"code": code, "message": "x"})

    with pytest.raises(DestinationRefused, match=message):
        tiktok.check(EVENT)

    assert json.loads(call.calls[0].request.body or b"")["data"] == []


@responses.activate
def test_events_are_reported_with_their_source(tiktok: Destination) -> None:
    call = responses.post(TRACK, json=OK)
    row = purchase(ttclid="E.C.P.x", ip="2001:db8::1", external_id="user_123", limited_data_use=False, order_id="A-1")

    assert outcomes(tiktok.send(EVENT, Op.ADD, [make_row("order-1", **row)])) == {"order-1": ("applied", "")}

    assert json.loads(call.calls[0].request.body or b"") == {
        "event_source": "web",
        "event_source_id": "CDEMO0000WEFT",
        "data": [
            {
                "event": "Purchase",
                "event_id": "order-1",
                "event_time": 1_795_347_000,
                "limited_data_use": False,
                "user": {
                    "email": sha256("anna@example.com"),
                    "external_id": sha256("user_123"),
                    "ttclid": "E.C.P.x",
                    "ip": "2001:db8::1",
                },
                "page": {"url": "https://shop.example.com"},
                "properties": {"value": 12.5, "currency": "EUR", "order_id": "A-1"},
            }
        ],
    }


@pytest.mark.parametrize(
    ("kind", "row", "code"),
    [
        ("web", purchase(), ""),
        ("web", purchase(url=None), "page"),
        ("web", purchase(occurred_at="yesterday"), "no_time"),
        ("web", purchase(email="n/a"), "nobody"),
        ("web", purchase(email=None, user_agent="ua"), "nobody"),
        ("web", purchase(email=None, ttclid="E.C.P.x"), ""),
        ("offline", purchase(url=None), ""),
        ("crm", purchase(url=None), "lead"),
        ("crm", purchase(url=None, email=None, lead_id="7"), ""),
    ],
)
def test_what_tiktok_would_refuse_the_whole_call_for_is_noticed_before(
    kind: str, row: dict[str, Any], code: str
) -> None:
    assert payloads.problem(payloads.event(row), kind) == code


def test_a_row_is_measured_at_least_as_long_as_it_is_sent(tiktok: Destination) -> None:
    full = {"email": "a@b.de", "phone": "+491701234567", "idfa": "aece52e7-03ee-455a-b3c4-e57283966239", "gaid": None}
    for payload in ({"email": "a@b.de"}, full):
        body = payloads.mapping("7000000000000000001", "1" * 20, "add", [payloads.member(payload)])
        assert tiktok.size(SEGMENT, make_row("x", **payload)) >= len(encode(body["batch_data"]))
    event = purchase(description="ünï\\\n😀" * 50, phone="+491701234567")
    assert tiktok.size(EVENT, make_row("x", **event)) >= len(encode(payloads.event(event))) + 1
