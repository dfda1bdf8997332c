"""The client against a server that misbehaves: what is repeated, how long it waits, and what it admits not to know."""

from __future__ import annotations

import logging
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from reverse_etl.answers import Action, Response, Verdict, by_status
from reverse_etl.destinations.base import Limits
from reverse_etl.errors import AmbiguousCall, DestinationDown, DestinationRefused
from reverse_etl.http import LONGEST_WAIT, HttpClient

from .conftest import FakeTime, Misbehaving, reply, reset, silence, truncated

OK = reply(200, b'{"done": true}')
PERSON = "anna@example.com"


def call(client: HttpClient, *, idempotent: bool = True, **options: Any) -> Response:
    return client.request("POST", "/things", json={"email": PERSON}, idempotent=idempotent, **options)


def test_an_answer_is_handed_over(server: Misbehaving, client: HttpClient) -> None:
    server.play(reply(207, b'{"done": "partly"}', {"X-Some": "thing"}))

    answer = call(client)

    assert (answer.status, answer.body, answer.headers["x-some"]) == (207, {"done": "partly"}, "thing")
    assert client.calls == 1
    assert b"Content-Type: application/json" in server.requests[0]


@pytest.mark.parametrize("status", [204, 400, 404, 409, 413, 422])
def test_what_a_destination_must_read_is_not_repeated(server: Misbehaving, client: HttpClient, status: int) -> None:
    server.play(reply(status, b""))

    assert call(client).status == status
    assert client.calls == 1


@pytest.mark.parametrize("idempotent", [True, False])
@pytest.mark.parametrize("status", [429, 503])
def test_a_call_that_was_not_taken_is_repeated(
    server: Misbehaving, client: HttpClient, status: int, idempotent: bool
) -> None:
    server.play(reply(status), reply(status), OK)

    assert call(client, idempotent=idempotent).status == 200
    assert client.calls == 3


@pytest.mark.parametrize("bad", [reply(500), reply(502), reply(504), reset, silence, truncated, reply(200, b"<html>")])
def test_a_call_that_may_have_been_taken_is_repeated_only_if_that_does_no_harm(
    server: Misbehaving, client: HttpClient, bad: Any
) -> None:
    server.play(bad, OK)
    assert call(client, idempotent=True).body == {"done": True}
    assert client.calls == 2

    server.play(bad, OK)
    with pytest.raises(AmbiguousCall):
        call(client, idempotent=False)
    assert client.calls == 3


def test_when_the_attempts_run_out_it_says_whether_something_may_have_arrived(
    server: Misbehaving, client: HttpClient
) -> None:
    server.play(reply(503))
    with pytest.raises(DestinationDown) as down:
        call(client)
    assert not isinstance(down.value, AmbiguousCall)
    assert client.calls == 4

    server.play(reset, reply(503))
    with pytest.raises(AmbiguousCall):
        call(client)
    assert client.calls == 8


def test_a_call_that_only_asked_is_not_said_to_have_been_taken(server: Misbehaving, client: HttpClient) -> None:
    server.play(reply(500))
    with pytest.raises(DestinationDown) as down:
        client.request("GET", "/things", idempotent=True)
    assert "nothing was changed" in down.value.fix


def test_a_refused_connection_is_repeated_and_leaves_no_doubt(fake_time: FakeTime) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = HttpClient(f"http://127.0.0.1:{port}", {}, sleep=fake_time.sleep, clock=fake_time.clock, attempts=3)

    with pytest.raises(DestinationDown) as down:
        call(client, idempotent=False)

    assert not isinstance(down.value, AmbiguousCall)
    assert client.calls == 3
    assert len(fake_time.naps) == 2


@pytest.mark.parametrize("status", [301, 307, 401, 402, 403])
def test_a_refusal_stops_at_once(server: Misbehaving, client: HttpClient, status: int) -> None:
    server.play(reply(status, b"{}", {"Location": "https://elsewhere.example.com"}))

    with pytest.raises(DestinationRefused):
        call(client)

    assert client.calls == 1


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 8),
        ("0", 0, 1),
        ("-5", 0, 1),
        ("999999", LONGEST_WAIT, LONGEST_WAIT + 1),
        (timedelta(seconds=40), 30, 41),
        (timedelta(days=-1), 0, 1),
        (timedelta(days=9), LONGEST_WAIT, LONGEST_WAIT + 1),
        ("soon", 0, 1),
    ],
)
def test_retry_after_is_obeyed_in_both_forms_within_reason(
    server: Misbehaving, client: HttpClient, naps: list[float], header: str | timedelta, least: float, most: float
) -> None:
    if isinstance(header, timedelta):
        header = format_datetime(datetime.now(UTC) + header, usegmt=True)
    server.play(reply(429, b"", {"Retry-After": header}), OK)

    call(client)

    assert least <= sum(naps) <= most


def test_without_retry_after_the_waits_grow_within_bounds(
    server: Misbehaving, client: HttpClient, naps: list[float]
) -> None:
    server.play(reply(429))

    with pytest.raises(DestinationDown):
        call(client)

    assert len(naps) == 3
    assert all(0 <= nap <= 0.5 * 2**place for place, nap in enumerate(naps))


def test_a_spent_window_is_waited_out_before_the_next_call(
    server: Misbehaving, client: HttpClient, naps: list[float]
) -> None:
    server.play(reply(200, b"{}", {"RateLimit-Remaining": "0", "RateLimit-Reset": "9"}), OK)

    call(client)
    call(client, bucket="another")
    assert naps == []

    call(client)
    assert sum(naps) == pytest.approx(9)
    assert client.waited == sum(naps)


def test_calls_are_paced_after_the_burst(server: Misbehaving, client: HttpClient, naps: list[float]) -> None:
    server.play(OK)
    pace = Limits(rows=1, bytes=1, calls_per_second=0.5, burst=2)

    waited = []
    for _ in range(4):
        call(client, pace=pace)
        waited.append(sum(naps))

    assert waited == pytest.approx([0, 0, 2, 4])


def test_a_destination_can_read_more_from_a_body_than_the_status_says(server: Misbehaving, client: HttpClient) -> None:
    def classify(response: Response) -> Verdict:
        return Verdict(Action.RETRY, "17", "slow down") if response.body.get("code") == 17 else by_status(response)

    server.play(reply(400, b'{"code": 17}'), reply(400, b'{"code": 1}'))

    assert call(client, classify=classify).body == {"code": 1}
    assert client.calls == 2


@pytest.mark.parametrize("bad", [reply(401, b'{"error": "anna@example.com"}'), reply(503, b"anna@example.com"), reset])
def test_no_message_holds_a_body_a_query_or_a_secret(server: Misbehaving, client: HttpClient, bad: Any) -> None:
    server.play(bad)

    with pytest.raises((DestinationRefused, DestinationDown)) as raised:
        client.request("GET", "/people", params={"filter": PERSON}, idempotent=True)

    assert raised.value.__cause__ is None
    shown = f"{raised.value} {raised.value!r} {client!r}"
    assert "GET /people" in shown
    for private in (PERSON, "anna", "secret-token"):
        assert private not in shown


def test_a_netrc_file_does_not_replace_the_credentials(
    server: Misbehaving, client: HttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else")
    monkeypatch.setenv("NETRC", str(netrc))
    server.play(OK)

    call(client)

    assert b"Authorization: secret-token" in server.requests[0]


def test_a_certificate_that_cannot_be_verified_stops_at_once(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def distrust(*args: Any, **options: Any) -> None:
        raise requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED]")

    monkeypatch.setattr(requests.Session, "request", distrust)

    with pytest.raises(DestinationRefused, match="certificate"):
        call(client)


def test_threads_share_a_client_and_its_counters(server: Misbehaving, client: HttpClient) -> None:
    server.play(reply(429, b"", {"Retry-After": "1"}), OK)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: call(client).status, range(40)))

    assert answers == [200] * 40
    assert (client.calls, client.throttled, len(server.requests)) == (41, 1, 41)


def test_what_a_library_logs_of_a_call_leaves_out_the_query(
    server: Misbehaving, client: HttpClient, caplog: pytest.LogCaptureFixture
) -> None:
    server.play(OK)

    with caplog.at_level(logging.DEBUG):
        client.request("GET", "/people", params={"filter": PERSON}, idempotent=True)

    assert "GET /people" in caplog.text
    assert "anna" not in caplog.text


def test_too_many_is_told_to_all_that_share_the_budget(
    server: Misbehaving, client: HttpClient, naps: list[float]
) -> None:
    server.play(reply(429, b"", {"Retry-After": "30"}), OK)

    def stop(seconds: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        call(HttpClient(server.url, {}, budget=client.budget, sleep=stop))
    call(client)

    assert sum(naps) == pytest.approx(30)
