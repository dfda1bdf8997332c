"""The circuit breaker: a vendor that does not answer is left alone for a while, by every sync of the account."""

from __future__ import annotations

from pathlib import Path

import pytest

from reverse_etl.account import AccountFile, account_file
from reverse_etl.breaker import FIRST_PAUSE, LONGEST_PAUSE, PROBE, Breaker
from reverse_etl.errors import AmbiguousCall, DestinationDown, DestinationRefused
from reverse_etl.http import HttpClient

from .conftest import FakeTime, Misbehaving, reply, reset

NOON = 1_700_000_000.0 - 1_700_000_000.0 % 86_400 + 12 * 3600


@pytest.fixture
def file(state_folder: Path) -> AccountFile:
    return account_file("vendor", "https://api.example.com", {})


@pytest.fixture
def breaker(file: AccountFile, fake_time: FakeTime) -> Breaker:
    start = fake_time.clock()
    return Breaker(file, "Vendor", clock=fake_time.clock, wall=lambda: NOON + fake_time.clock() - start)


@pytest.fixture
def guarded(server: Misbehaving, breaker: Breaker, fake_time: FakeTime) -> HttpClient:
    return HttpClient(
        server.url, {}, breaker=breaker, sleep=fake_time.sleep, clock=fake_time.clock, read_timeout=0.3, attempts=2
    )


def call(client: HttpClient, *, idempotent: bool = True) -> int:
    return client.request("POST", "/things", json={}, idempotent=idempotent).status


def refused_at_once(client: HttpClient) -> bool:
    made = client.calls
    try:
        call(client)
    except DestinationDown as error:
        return client.calls == made and "did not answer" in str(error)
    return False


def test_after_a_call_that_failed_for_good_no_other_is_made_for_a_while(
    server: Misbehaving, guarded: HttpClient, fake_time: FakeTime
) -> None:
    server.play(reply(503))
    with pytest.raises(DestinationDown):
        call(guarded)
    naps = sum(fake_time.naps)

    assert refused_at_once(guarded)
    assert sum(fake_time.naps) == naps

    server.play(reply(200))
    assert refused_at_once(guarded)
    fake_time.sleep(FIRST_PAUSE)
    assert call(guarded) == 200
    assert call(guarded) == 200


def test_the_message_says_when_and_what_to_do(breaker: Breaker, file: AccountFile) -> None:
    breaker.failed()

    with pytest.raises(DestinationDown) as down:
        breaker.enter()

    assert "Vendor did not answer at 12:00:00 UTC; the next attempt is allowed at 12:00:30 UTC." in str(down.value)
    assert f"delete {file.path}" in str(down.value)
    assert "changed address or credential" in str(down.value)


def test_doing_what_the_message_says_lets_calls_through(breaker: Breaker, file: AccountFile) -> None:
    breaker.failed()
    assert file.path is not None
    file.path.unlink()

    assert breaker.enter() is False


def test_a_mended_address_or_token_is_tried_at_once(fake_time: FakeTime) -> None:
    def breaker(url: str, token: str) -> Breaker:
        return Breaker(account_file("vendor", url, {"Authorization": token}), clock=fake_time.clock)

    breaker("https://a.example.com", "old").failed()

    with pytest.raises(DestinationDown):
        breaker("https://a.example.com", "old").enter()
    assert breaker("https://a.example.com", "new").enter() is False
    assert breaker("https://b.example.com", "old").enter() is False


def test_pauses_double_up_to_a_bound_and_begin_small_again(breaker: Breaker, fake_time: FakeTime) -> None:
    pauses = []
    for _ in range(7):
        breaker.failed()
        begun = fake_time.clock()
        while True:
            try:
                breaker.enter()
                break
            except DestinationDown:
                fake_time.sleep(1)
        pauses.append(fake_time.clock() - begun)
    assert pauses == [30, 60, 120, 240, 480, 600, 600]

    breaker.answered()
    breaker.failed()
    fake_time.sleep(FIRST_PAUSE)
    assert breaker.enter() is True


def test_calls_that_fail_together_count_once(breaker: Breaker, fake_time: FakeTime) -> None:
    for _ in range(8):
        breaker.failed()

    fake_time.sleep(FIRST_PAUSE)
    assert breaker.enter() is True


def test_one_caller_finds_out_and_the_others_wait(breaker: Breaker, fake_time: FakeTime) -> None:
    breaker.failed()
    fake_time.sleep(FIRST_PAUSE)

    assert breaker.enter() is True
    with pytest.raises(DestinationDown, match="finding out"):
        breaker.enter()
    fake_time.sleep(PROBE)  # the process of the first was killed
    assert breaker.enter() is True
    breaker.answered()
    assert breaker.enter() is False


@pytest.mark.parametrize(
    ("idempotent", "fault", "opens"),
    [(True, reset, True), (False, reset, False), (True, reply(429), False), (True, reply(401), False)],
)
def test_only_a_vendor_that_does_not_answer_is_left_alone(
    server: Misbehaving, guarded: HttpClient, idempotent: bool, fault: object, opens: bool
) -> None:
    server.play(fault)  # type: ignore[arg-type]
    with pytest.raises((DestinationDown, DestinationRefused, AmbiguousCall)):
        call(guarded, idempotent=idempotent)

    server.play(reply(200))
    assert refused_at_once(guarded) is opens


@pytest.mark.parametrize(("fault", "reopens"), [(reset, True), (reply(401), False), (reply(429), False)])
def test_the_call_that_finds_out_decides_for_all(
    server: Misbehaving, guarded: HttpClient, breaker: Breaker, fake_time: FakeTime, fault: object, reopens: bool
) -> None:
    breaker.failed()
    fake_time.sleep(FIRST_PAUSE)
    server.play(fault)  # type: ignore[arg-type]
    with pytest.raises((DestinationDown, DestinationRefused)):
        call(guarded, idempotent=False)

    server.play(reply(200))
    assert refused_at_once(guarded) is reopens


@pytest.mark.parametrize("hours", [-300, -5, 5, 300])
def test_a_clock_that_jumps_never_lengthens_the_pause(breaker: Breaker, fake_time: FakeTime, hours: float) -> None:
    breaker.failed()
    fake_time.jump(hours * 3600)

    begun = fake_time.clock()
    while fake_time.clock() - begun <= LONGEST_PAUSE:
        try:
            breaker.enter()
            break
        except DestinationDown:
            fake_time.sleep(1)
    assert fake_time.clock() - begun <= FIRST_PAUSE + 1


@pytest.mark.parametrize("content", [b'{"breaker": {"failures": 1, "failed_at": 1e300}}', b'{"breaker": 7}', b"{"])
def test_a_damaged_file_lets_calls_through(breaker: Breaker, file: AccountFile, content: bytes) -> None:
    breaker.failed()
    assert file.path is not None
    file.path.write_bytes(content)

    assert breaker.enter() is False
