"""JSON on the wire: fast, and for the rare body that the fast library is too strict for, slow."""

from __future__ import annotations

import json
from typing import Any

import orjson

# Dates are passed on to `str`, as the slow way below writes them.
_FAST = orjson.OPT_PASSTHROUGH_DATETIME


def encode(body: Any) -> bytes:
    """Return the bytes that a body takes on the wire; batches are measured with the same function."""
    try:
        return orjson.dumps(body, default=str, option=_FAST)
    except orjson.JSONEncodeError:
        # Whole numbers beyond 64 bits, keys that are not text, halves of a character: rare, and written all the same.
        return json.dumps(body, separators=(",", ":"), default=str).encode()


def parse(content: bytes) -> tuple[bool, Any]:
    """Return whether the body is JSON or empty, and what it holds."""
    if not content.strip():
        return True, None
    try:
        return True, orjson.loads(content)
    except orjson.JSONDecodeError:
        return _parse_slowly(content)


def _parse_slowly(content: bytes) -> tuple[bool, Any]:
    """Read what the fast parser is too strict for: a byte order mark, halves of a character, NaN."""
    try:
        return True, json.loads(content)
    except ValueError:
        return False, None
