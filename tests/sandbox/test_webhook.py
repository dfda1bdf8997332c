"""The endpoint behaves as docs/destinations/webhook.md says that one should."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from sandbox.server import Running

SECRET = b"demo-weft-secret"


def signed(body: bytes, *, age: int = 0, secret: bytes = SECRET) -> dict[str, str]:
    at = int(time.time()) - age
    digest = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Weft-Signature": f"t={at},v1={'0' * 64},v1={digest}"}


def row(key: str, op: str = "add", **values: Any) -> dict[str, Any]:
    return {"op": op, "key": key, "row": {"customer_id": key, **values}, "changed": []}


def post(sandbox: Running, body: Any, path: str = "/people", **headers: str) -> requests.Response:
    data = json.dumps(body).encode()
    given = {"Content-Type": "application/json", **signed(data), **headers}
    return requests.post(f"{sandbox.url}/webhook{path}", data=data, headers=given, timeout=5)


def test_rows_are_merged_emptied_and_removed(sandbox: Running) -> None:
    account = sandbox.accounts["webhook"]
    assert post(sandbox, row("c1", name="Anna", tier="gold")).status_code == 204
    batch = {"rows": [row("c1", "change", tier=None), row("c2", name="Bea"), row("c3", "remove")]}

    told = post(sandbox, batch).json()

    assert told == {"results": [{"key": f"c{n}", "status": "applied"} for n in (1, 2, 3)]}
    assert account.members("people") == [{"customer_id": "c1", "name": "Anna"}, {"customer_id": "c2", "name": "Bea"}]


def test_a_repeated_call_is_answered_alike_and_does_nothing(sandbox: Running) -> None:
    named = {"Idempotency-Key": "one"}
    post(sandbox, {"rows": [row("c1", name="Anna")]}, **named)
    post(sandbox, row("c1", "remove"))

    again = post(sandbox, {"rows": [row("c1", name="Anna")]}, **named)

    assert again.json() == {"results": [{"key": "c1", "status": "applied"}]}
    assert sandbox.accounts["webhook"].lists["people"] == 0


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        (lambda: {"X-Weft-Signature": ""}, "no_signature"),
        (lambda: {"X-Weft-Signature": "t=now,v1=abc"}, "no_signature"),
        (lambda: signed(b"another body"), "wrong_signature"),
        (lambda: signed(json.dumps(row("c1")).encode(), secret=b"another"), "wrong_signature"),
        (lambda: signed(json.dumps(row("c1")).encode(), age=400), "too_old"),
    ],
)
def test_a_call_that_somebody_else_made_is_refused(
    sandbox: Running, headers: Callable[[], dict[str, str]], code: str
) -> None:
    reply = post(sandbox, row("c1"), **headers())

    assert (reply.status_code, reply.json()["code"]) == (401, code)
    assert sandbox.accounts["webhook"].lists["people"] == 0


@pytest.mark.parametrize(
    ("body", "path", "headers", "status"),
    [
        ({"op": "add", "key": "c1"}, "/people", {}, 422),
        (row("c1", "erase"), "/people", {}, 422),
        (row("c1", email="nonsense"), "/people", {}, 422),
        ({"rows": []}, "/people", {}, 422),
        ({"rows": [row(f"c{n}") for n in range(1_001)]}, "/people", {}, 422),
        (row("c1", note="x" * 1_000_001), "/people", {}, 413),
        (row("c1"), "/nobody", {}, 404),
        (row("c1"), "/people", {"Content-Type": "text/plain"}, 415),
    ],
)
def test_what_is_no_row_is_refused(
    sandbox: Running, body: Any, path: str, headers: dict[str, str], status: int
) -> None:
    assert post(sandbox, body, path, **headers).status_code == status


def test_a_bad_row_of_a_batch_is_named_and_the_others_are_taken(sandbox: Running) -> None:
    sandbox.fault("refuse_rows", "webhook", match="Cleo")
    told = post(sandbox, {"rows": [row("c1"), row("c2", email="no"), row("c3", name="Cleo")]}).json()["results"]

    assert [(one["key"], one["status"], one.get("code")) for one in told] == [
        ("c1", "applied", None),
        ("c2", "refused", "refused"),
        ("c3", "refused", "refused"),
    ]
    assert sandbox.accounts["webhook"].lists["people"] == 1
