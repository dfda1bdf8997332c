"""A running sandbox, and a client for each of its accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from sandbox.server import Running, start

Call = Callable[..., requests.Response]


@pytest.fixture
def sandbox() -> Iterator[Running]:
    """A sandbox with nothing in it but the demo account's lists."""
    with start() as running:
        yield running


@pytest.fixture
def client() -> Callable[[str, dict[str, str]], Call]:
    """Build a plain HTTP client: call(method, path, body=None, headers=None, **params)."""

    def build(url: str, own: dict[str, str]) -> Call:
        def call(method: str, path: str, body: Any = None, headers: Any = None, **params: str) -> requests.Response:
            sent = {**own, **(headers or {})}
            return requests.request(method, url + path, json=body, headers=sent, params=params, timeout=10)

        return call

    return build


@pytest.fixture
def klaviyo(sandbox: Running, client: Callable[..., Call]) -> Call:
    key = {"Authorization": "Klaviyo-API-Key pk_demo_weft", "revision": "2026-07-15"}
    return client(f"{sandbox.url}/klaviyo/api", key)


@pytest.fixture
def hubspot(sandbox: Running, client: Callable[..., Call]) -> Call:
    return client(f"{sandbox.url}/hubspot", {"Authorization": "Bearer pat-demo-weft"})


@pytest.fixture
def meta(sandbox: Running, client: Callable[..., Call]) -> Call:
    return client(f"{sandbox.url}/meta/v25.0", {"Authorization": "Bearer demo-weft-token"})
