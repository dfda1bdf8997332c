"""What the HTTP library would log, or send, beyond what it was asked to."""

from __future__ import annotations

import logging

import requests


def without_query(record: logging.LogRecord) -> bool:
    """Keep queries, which may hold keys of people, out of what urllib3 logs of every call at the level of debugging."""
    if isinstance(record.args, tuple):
        record.args = tuple(arg.split("?", 1)[0] if isinstance(arg, str) else arg for arg in record.args)
    return True


def as_it_is(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep the Authorization header: without an ``auth`` of our own, requests would replace it from ~/.netrc."""
    return prepared
