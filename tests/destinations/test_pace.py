"""What the rate limit headers of different vendors are read as."""

from __future__ import annotations

import time

import pytest
from requests.structures import CaseInsensitiveDict

from reverse_etl.pace import Pacer, pause_when_spent, retry_after

MOST = 100.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"RateLimit-Remaining": "3", "RateLimit-Reset": "20"}, 0),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "20"}, 20),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "500"}, MOST),
        ({"RateLimit-Remaining": "0"}, 0),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "soon"}, 0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "12"}, 12),
        ({"X-HubSpot-RateLimit-Remaining": "0", "X-HubSpot-RateLimit-Interval-Milliseconds": "10000"}, 10),
        ({"X-HubSpot-RateLimit-Remaining": "5", "X-HubSpot-RateLimit-Interval-Milliseconds": "10000"}, 0),
    ],
)
def test_a_spent_window_pauses(headers: dict[str, str], seconds: float) -> None:
    assert pause_when_spent(CaseInsensitiveDict(headers), most=MOST) == seconds


def test_a_reset_that_is_a_moment_counts_from_now() -> None:
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 30)}

    assert pause_when_spent(headers, most=MOST) == pytest.approx(30, abs=2)


def test_without_retry_after_the_window_is_the_hint() -> None:
    assert retry_after({}, most=MOST) is None
    assert retry_after({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "12"}, most=MOST) == 12
    assert retry_after({"X-RateLimit-Retry-After": "3"}, most=MOST) == 3


def test_a_pacer_lets_a_burst_through_and_then_one_per_interval() -> None:
    now = [0.0]
    pacer = Pacer(2, 3, lambda: now[0])

    assert [pacer.reserve() for _ in range(5)] == [0, 0, 0, 0.5, 1.0]
    now[0] = 100.0
    assert [pacer.reserve() for _ in range(4)] == [0, 0, 0, 0.5]


def test_a_closed_pacer_lets_nothing_through_until_it_opens() -> None:
    now = [0.0]
    pacer = Pacer(10, 1, lambda: now[0])
    pacer.close(30)

    assert pacer.reserve() == 30
    now[0] = 31.0
    assert pacer.reserve() == 0
