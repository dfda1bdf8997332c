"""LinkedIn: what is asked of it, and what it says of each user."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

import pytest
import responses
from pydantic import SecretStr, ValidationError

from reverse_etl.destinations.base import Delivery, Destination, Mode
from reverse_etl.destinations.linkedin.destination import VERSION, LinkedIn, LinkedInSettings
from reverse_etl.destinations.linkedin.payloads import element, size
from reverse_etl.destinations.registry import connect
from reverse_etl.errors import BatchRefused, DestinationDown, DestinationRefused
from reverse_etl.http import encode
from reverse_etl.rows import Op, Row, RowResult
from tests.destinations.conftest import FakeTime, make_row

SEGMENT = Delivery("segment", "10804", mode=Mode.MIRROR, key="email")
URL = "https://api.linkedin.com/rest/dmpSegments/10804"
TOKENS = "https://www.linkedin.com/oauth/v2/accessToken"
DEVICE = "38400000-8cf0-11bd-b23e-10b96e40000d"


@pytest.fixture
def linkedin(fake_time: FakeTime) -> Destination:
    return opened(LinkedInSettings(access_token=SecretStr("token")), fake_time)


def opened(settings: LinkedInSettings, fake_time: FakeTime) -> Destination:
    return connect("linkedin", settings, sleep=fake_time.sleep, clock=fake_time.clock)


def person(name: str, **options: Any) -> Row:
    return make_row(f"{name}@example.com", email=f"{name}@example.com", **options)


ROWS = [person("bea"), person("anna")]


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def outcomes(told: list[RowResult]) -> dict[str, tuple[str, str]]:
    return {result.key.partition("@")[0]: (result.outcome.value, result.code) for result in told}


def answered(*statuses: int) -> dict[str, Any]:
    return {"elements": [{"status": status} for status in statuses]}


def refusal(status: int) -> dict[str, Any]:
    return {"status": status, "serviceErrorCode": 100, "code": "X", "message": "anna@example.com"}


@pytest.mark.parametrize(("op", "action"), [(Op.ADD, "ADD"), (Op.CHANGE, "ADD"), (Op.REMOVE, "REMOVE")])
@responses.activate
def test_users_are_streamed_with_hashed_addresses_and_plain_names(linkedin: Destination, op: Op, action: str) -> None:
    call = responses.post(f"{URL}/users", json=answered(201, 201))
    anna = person("anna", gaid=DEVICE.upper(), first_name=" Anna ", last_name="Müller", job_title="CTO", country="de")

    assert outcomes(linkedin.send(SEGMENT, op, [anna, person("bea", company="Berg AG", last_name=None)])) == {
        "anna": ("applied", ""),
        "bea": ("applied", ""),
    }

    request = call.calls[0].request
    assert json.loads(request.body or b"") == {
        "elements": [
            {
                "action": action,
                "userIds": [
                    {"idType": "SHA256_EMAIL", "idValue": digest("anna@example.com")},
                    {"idType": "GOOGLE_AID", "idValue": DEVICE},
                ],
                "firstName": "Anna",
                "lastName": "Müller",
                "title": "CTO",
                "country": "DE",
            },
            {
                "action": action,
                "userIds": [{"idType": "SHA256_EMAIL", "idValue": digest("bea@example.com")}],
                "company": "Berg AG",
            },
        ]
    }
    told = ("Authorization", "LinkedIn-Version", "X-Restli-Protocol-Version", "X-RestLi-Method")
    assert [request.headers[name] for name in told] == ["Bearer token", VERSION, "2.0.0", "BATCH_CREATE"]


def test_who_has_no_id_is_told_by_a_full_name_or_not_at_all() -> None:
    assert element(Op.ADD, {"email": "no address", "first_name": "Anna", "last_name": "Berg"}) == {
        "action": "ADD",
        "userIds": [],
        "firstName": "Anna",
        "lastName": "Berg",
    }
    assert element(Op.ADD, {"email": "no address", "last_name": "Berg", "company": "Berg AG"}) is None


@responses.activate
def test_a_row_that_nobody_can_be_found_by_is_not_sent(linkedin: Destination) -> None:
    call = responses.post(f"{URL}/users", json=answered(201))
    nobody = make_row("nobody", email="nobody", company="Berg AG")

    told = linkedin.send(SEGMENT, Op.ADD, [nobody, person("anna")])

    assert outcomes(told) == {"nobody": ("permanent", "nothing_to_match"), "anna": ("applied", "")}
    assert len(json.loads(call.calls[0].request.body or b"")["elements"]) == 1
    assert outcomes(linkedin.send(SEGMENT, Op.REMOVE, [nobody])) == {"nobody": ("applied", "never_sent")}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (answered(201, 400), {"bea": ("applied", ""), "anna": ("permanent", "400")}),
        (answered(429, 200), {"bea": ("transient", "429"), "anna": ("applied", "")}),
        (answered(503, 418), {"bea": ("transient", "503"), "anna": ("permanent", "418")}),
        (answered(201), dict.fromkeys(("bea", "anna"), ("transient", "no_answer"))),
        (
            {"elements": [{"status": 201}, {"error": "anna@example.com"}]},
            {"bea": ("applied", ""), "anna": ("transient", "no_answer")},
        ),
        ({}, dict.fromkeys(("bea", "anna"), ("transient", "no_answer"))),
        ([], dict.fromkeys(("bea", "anna"), ("transient", "no_answer"))),
    ],
)
@responses.activate
def test_each_user_has_the_status_in_its_place(linkedin: Destination, answer: Any, told: dict[str, Any]) -> None:
    responses.post(f"{URL}/users", json=answer)

    assert outcomes(linkedin.send(SEGMENT, Op.ADD, ROWS)) == told


@responses.activate
def test_a_segment_that_is_too_new_is_waited_for(linkedin: Destination, naps: list[float]) -> None:
    responses.post(f"{URL}/users", status=404, json=refusal(404))
    responses.post(f"{URL}/users", json=answered(201, 201))

    assert set(outcomes(linkedin.send(SEGMENT, Op.ADD, ROWS)).values()) == {("applied", "")}
    assert 5 <= naps[0] <= 6


@responses.activate
def test_a_segment_that_does_not_get_ready_took_nothing(linkedin: Destination) -> None:
    responses.post(f"{URL}/users", status=404, json=refusal(404))

    with pytest.raises(DestinationDown, match="Nothing of the last call was taken"):
        linkedin.send(SEGMENT, Op.ADD, ROWS)


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (400, BatchRefused, "400"),
        (401, DestinationRefused, "401"),
        (403, DestinationRefused, "rw_dmp_segments"),
        (413, BatchRefused, "other"),
        (426, DestinationRefused, "Upgrade weft"),
    ],
)
@responses.activate
def test_a_refused_call_says_what_to_do(linkedin: Destination, status: int, error: type[Exception], says: str) -> None:
    responses.post(f"{URL}/users", status=status, json=refusal(status))

    with pytest.raises(error) as raised:
        linkedin.send(SEGMENT, Op.ADD, ROWS)

    assert says in str(raised.value)
    assert "anna" not in str(raised.value)


def segment(**values: Any) -> dict[str, Any]:
    return {"id": 10804, "type": "USER", "destinations": [{"destination": "LINKEDIN", "status": "READY"}], **values}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((404, refusal(404)), "no such segment"),
        ((400, refusal(400)), "400"),
        ((200, segment(type="COMPANY")), "type USER"),
        ((200, segment(destinations=[{"destination": "LINKEDIN", "status": "EXPIRED"}])), "EXPIRED"),
        ((200, segment(destinations=[{"destination": "LINKEDIN", "status": "FAILED"}])), "FAILED"),
    ],
)
@responses.activate
def test_a_segment_that_is_of_no_use_is_told_before_anything_is_sent(
    linkedin: Destination, answer: tuple[int, Any], says: str
) -> None:
    responses.get(URL, status=answer[0], json=answer[1])

    with pytest.raises(DestinationRefused, match=says) as raised:
        linkedin.check(SEGMENT)
    assert raised.value.fix


@pytest.mark.parametrize("status", ["READY", "BUILDING", "UPDATING", "ARCHIVED"])
@responses.activate
def test_a_segment_in_any_other_state_takes_users(linkedin: Destination, status: str) -> None:
    responses.get(URL, json=segment(destinations=[{"destination": "LINKEDIN", "status": status}]))

    linkedin.check(SEGMENT)


@pytest.mark.parametrize("target", [None, "", "urn:li:adSegment:7", "../7", "\uff11"])
def test_a_target_that_is_no_id_is_refused_without_a_call(linkedin: Destination, target: str | None) -> None:
    with pytest.raises(DestinationRefused, match="number"):
        linkedin.check(replace(SEGMENT, target=target))

    assert linkedin.traffic.calls == 0


@responses.activate
def test_a_refresh_token_gives_access_tokens_and_another_one_when_that_is_refused(fake_time: FakeTime) -> None:
    app = LinkedInSettings(client_id="weft", client_secret=SecretStr("secret"), refresh_token=SecretStr("refresh"))
    given = [responses.post(TOKENS, json={"access_token": token, "expires_in": 5_184_000}) for token in ("one", "two")]
    responses.post(f"{URL}/users", status=401, json=refusal(401))
    again = responses.post(f"{URL}/users", json=answered(201, 201))

    opened(app, fake_time).send(SEGMENT, Op.ADD, ROWS)

    assert dict(parse_qsl(str(given[0].calls[0].request.body or b"", "utf-8"))) == {
        "grant_type": "refresh_token",
        "client_id": "weft",
        "client_secret": "secret",
        "refresh_token": "refresh",
    }
    headers = again.calls[0].request.headers
    assert (headers["Authorization"], headers["LinkedIn-Version"]) == ("Bearer two", VERSION)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"client_id": "weft", "refresh_token": "refresh"},
        {"access_token": "token", "refresh_token": "refresh"},
    ],
)
def test_there_is_one_way_in(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="either access_token"):
        LinkedInSettings.model_validate(given)


def test_a_row_is_measured_at_least_as_long_as_it_is_sent() -> None:
    full = {
        "gaid": DEVICE,
        "first_name": "Ä" * 40,
        "last_name": '"\\' * 20,
        "job_title": "李",
        "company": "x",
        "country": "DE",
    }
    for row in (person("anna"), make_row("a@b.de", **{"email": "a@b.de", **full})):  # type: ignore[arg-type]
        assert size(row) >= len(encode(element(Op.REMOVE, row.payload))) + 1


def test_the_version_ends_a_year_after_its_month() -> None:
    assert LinkedIn.api_version_ends is not None
    assert LinkedIn.api_version_ends >= date(int(VERSION[:4]) + 1, int(VERSION[4:]), 1)
