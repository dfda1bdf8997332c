"""The TikTok account behaves as the vendor says it does: 200, and a code."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from sandbox.server import Running
from sandbox.tiktok.api import TikTok

Call = Callable[..., requests.Response]
MAPPING, TRACK = "/segment/mapping/", "/event/track/"


@pytest.fixture
def tiktok(sandbox: Running, client: Callable[..., Call]) -> Call:
    return client(f"{sandbox.url}/tiktok/open_api/v1.3", {"Access-Token": TikTok.key})


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def one(text: str, audience: str = TikTok.audience) -> dict[str, Any]:
    return {"id": sha256(text), "audience_ids": [audience]}


def mapping(*rows: list[Any], schema: tuple[str, ...] = ("EMAIL_SHA256",), action: str = "add") -> dict[str, Any]:
    return {
        "advertiser_ids": [TikTok.advertiser],
        "action": action,
        "id_schema": list(schema),
        "batch_data": list(rows),
    }


def event(**changes: Any) -> dict[str, Any]:
    return {
        "event": "Purchase",
        "event_id": "e1",
        "event_time": int(time.time()) - 60,
        "user": {"email": sha256("anna@example.com")},
        "page": {"url": "https://shop.example.com"},
        "properties": {"value": 5, "currency": "EUR"},
    } | changes


def events(*of: dict[str, Any], source: str = "web") -> dict[str, Any]:
    return {"event_source": source, "event_source_id": TikTok.sources.get(source, "x"), "data": list(of)}


def test_identifiers_are_added_once_and_deleted(sandbox: Running, tiktok: Call) -> None:
    both = mapping([one("anna"), one("+49170")], [one("bea"), {}], schema=("email_sha256", "PHONE_SHA256"))
    assert tiktok("POST", MAPPING, both).json()["code"] == 0
    assert tiktok("POST", MAPPING, both).json()["code"] == 0
    assert sandbox.accounts["tiktok"].lists[TikTok.audience] == 3

    assert tiktok("POST", MAPPING, mapping([one("anna")], [one("nobody")], action="delete")).json()["code"] == 0
    assert sandbox.accounts["tiktok"].lists[TikTok.audience] == 2


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (mapping([one("a")]) | {"advertiser_ids": ["1"]}, 40001),
        (mapping([one("a")], action="replace"), 40002),
        (mapping([one("a")], schema=()), 40002),
        (mapping([one("a")], schema=("EMAIL",)), 40002),
        (mapping([one("a"), one("a")], schema=("EMAIL_SHA256", "email_sha256")), 40002),
        (mapping([one("a"), one("b")]), 40002),
        (mapping([{}]), 40002),
        (mapping([{"id": "anna@example.com", "audience_ids": [TikTok.audience]}]), 40002),
        (mapping([{"id": sha256("a")}]), 40002),
        (mapping([one("a")], [one("b", "999")]), 40007),
        (mapping(*[[one("a")]] * 10_001), 40002),
        (mapping(), 40002),
        ({}, 40001),
    ],
)
def test_a_bad_mapping_is_refused_whole(sandbox: Running, tiktok: Call, body: Any, code: int) -> None:
    reply = tiktok("POST", MAPPING, body)

    assert (reply.status_code, reply.json()["code"]) == (200, code)
    assert sandbox.accounts["tiktok"].lists[TikTok.audience] == 0


def test_events_of_one_source_name_and_id_are_one(sandbox: Running, tiktok: Call) -> None:
    assert tiktok("POST", TRACK, events(event(), event(event_id="e2"), event(event="Lead"))).json()["code"] == 0
    tiktok("POST", TRACK, events(event(properties={"value": 9})))
    assert sandbox.accounts["tiktok"].lists["events"] == 3

    offline = event(page={}, properties={})
    assert tiktok("POST", TRACK, events(offline, source="offline")).json()["code"] == 0
    assert sandbox.accounts["tiktok"].lists["events"] == 4


@pytest.mark.parametrize(
    "body",
    [
        events(event(event_time=int(time.time()) * 1_000)),
        events(event(event_time="now")),
        events(event(event_id=7)),
        events(event(page={})),
        events(event(user={"email": "anna@example.com"})),
        events(event(user={"mail": sha256("a")})),
        events(event(properties={"value": "5"})),
        events(event(properties={"currency": "EURO"})),
        events(event(limited_data_use="yes")),
        events(event(event="Bought"), source="offline"),
        events(event(user={"ttclid": "x"}), source="offline"),
        events(event(), source="crm"),
        events(event(), source="app"),
        events(event()) | {"event_source_id": "other"},
        events(*[event()] * 1_001),
        events(),
        events(event(), event(event="")),
    ],
)
def test_a_bad_event_is_refused_with_all_the_others(sandbox: Running, tiktok: Call, body: Any) -> None:
    reply = tiktok("POST", TRACK, body)

    assert (reply.status_code, reply.json()["code"] in (40001, 40002)) == (200, True)
    assert sandbox.accounts["tiktok"].lists["events"] == 0


def test_audiences_can_be_made_and_looked_up(tiktok: Call) -> None:
    wish = {"advertiser_id": TikTok.advertiser, "action": "create", "custom_audience_name": "New", "id_type": "X"}
    made = tiktok("POST", "/segment/audience/", wish).json()["data"]["audience_id"]

    wanted = json.dumps([TikTok.audience, made, "999"])
    query = {"advertiser_id": TikTok.advertiser, "custom_audience_ids": wanted}
    found = tiktok("GET", "/dmp/custom_audience/get/", **query).json()["data"]["list"]
    assert [item["audience_details"]["name"] for item in found] == ["Lapsing customers", "New"]
    assert tiktok("GET", "/dmp/custom_audience/get/", **query | {"advertiser_id": "1"}).json()["code"] == 40001


def test_a_wrong_token_is_a_code_too(tiktok: Call, sandbox: Running) -> None:
    wrong = tiktok("POST", TRACK, events(event()), headers={"Access-Token": "other"})
    assert (wrong.status_code, wrong.json()["code"]) == (200, 40105)
    none = requests.post(f"{sandbox.url}/tiktok/open_api/v1.3/event/track/", json={}, timeout=5)
    assert none.json()["code"] == 40104
