"""What a body looks like on the wire, and what of an answer can be read."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from reverse_etl.wire import encode, parse


@pytest.mark.parametrize(
    ("body", "written"),
    [
        ({"name": "Zoë", "orders": 3, "gone": None}, '{"name":"Zoë","orders":3,"gone":null}'),
        ({"value": Decimal("1.50")}, '{"value":"1.50"}'),
        ({"id": 2**70}, '{"id":1180591620717411303424}'),
        ({1: "one"}, '{"1":"one"}'),
        ({"half": "\ud83d"}, '{"half":"\\ud83d"}'),
    ],
)
def test_a_body_is_written_as_json_whatever_it_holds(body: dict[Any, Any], written: str) -> None:
    assert encode(body).decode() == written
    json.loads(encode(body))


@pytest.mark.parametrize(
    ("content", "read"),
    [
        (b" \n", (True, None)),
        (b'{"id": 1}', (True, {"id": 1})),
        (b'\xef\xbb\xbf{"id": 1}', (True, {"id": 1})),
        (b'"\\ud83d"', (True, "\ud83d")),
        (b"<html>", (False, None)),
        (b'{"cut": "of', (False, None)),
        (b"\xff\xfe\xfa", (False, None)),
    ],
)
def test_an_answer_is_read_as_json_where_it_is_any(content: bytes, read: tuple[bool, Any]) -> None:
    assert parse(content) == read
