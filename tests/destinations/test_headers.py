"""What the rate limit headers of different vendors are read as."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from requests.structures import CaseInsensitiveDict

from reverse_etl.headers import DAY, Reading, Window, read

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("headers", "windows"),
    [
        ({}, []),
        ({"RateLimit-Remaining": "3", "RateLimit-Reset": "20"}, [Window(None, None, 3, 20)]),
        ({"ratelimit-limit": "100", "ratelimit-remaining": "0"}, [Window(100, None, 0, None)]),
        (
            {"RateLimit-Limit": "10, 10;w=1, 150;w=60", "RateLimit-Remaining": "9", "RateLimit-Reset": "1"},
            [Window(10, 1, 9, 1), Window(150, 60)],
        ),
        ({"RateLimit-Policy": '"burst";q=100;w=60'}, [Window(100, 60)]),
        (
            {"RateLimit-Policy": '"burst";q=100;w=60, "day";q=1000;w=86400', "RateLimit": '"burst";r=50;t=30'},
            [Window(100, 60, 50, 30), Window(1000, DAY)],
        ),
        ({"RateLimit": "default;r=0;t=7"}, [Window(None, None, 0, 7)]),
        (
            {"RateLimit-Policy": "100;w=10", "RateLimit": "limit=100, remaining=50, reset=5"},
            [Window(100, 10, 50, 5)],
        ),
        (
            {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "7", "X-RateLimit-Reset": str(int(NOW) + 30)},
            [Window(100, None, 7, 30)],
        ),
        (
            {"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": str(int(NOW + 30) * 1000)},
            [Window(None, None, 7, 30)],
        ),
        (
            {
                "X-HubSpot-RateLimit-Max": "190",
                "X-HubSpot-RateLimit-Remaining": "12",
                "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
                "X-HubSpot-RateLimit-Daily": "650000",
                "X-HubSpot-RateLimit-Daily-Remaining": "649000",
            },
            [Window(190, 10, 12), Window(650_000, DAY, 649_000)],
        ),
        (
            {"X-RateLimit-Limit": "nan", "X-RateLimit-Remaining": "inf", "X-RateLimit-Reset": "soon"},
            [Window()],
        ),
        ({"RateLimit": "?;=;,,;r="}, []),
    ],
)
def test_limits_are_read_in_the_spellings_of_vendors(headers: dict[str, str], windows: list[Window]) -> None:
    assert list(read(CaseInsensitiveDict(headers), NOW).windows) == windows


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "-5"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": formatdate(NOW + 40, usegmt=True)}, 40),
        ({"Retry-After": formatdate(NOW - 40, usegmt=True)}, 0),
        ({"Retry-After": "Wed, 21 Oct 99999 07:28:00 GMT"}, None),
        ({"X-RateLimit-Retry-After": "3"}, 3),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "12"}, 12),
        ({"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "12"}, None),
        ({"X-HubSpot-RateLimit-Remaining": "0", "X-HubSpot-RateLimit-Interval-Milliseconds": "10000"}, 10),
        ({"X-HubSpot-RateLimit-Daily-Remaining": "0"}, None),
        ({"Retry-After": "3", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "12"}, 3),
    ],
)
def test_how_long_the_vendor_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert read(headers, NOW).wait == seconds


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_date_counts_from_the_vendors_own_clock_when_ours_is_wrong(hours: float) -> None:
    headers = {
        "Date": formatdate(NOW, usegmt=True),
        "Retry-After": formatdate(NOW + 40, usegmt=True),
        "X-RateLimit-Remaining": "2",
        "X-RateLimit-Reset": str(int(NOW) + 30),
    }

    reading = read(headers, NOW + hours * 3600)

    assert reading == Reading((Window(None, None, 2, 30),), 40)
