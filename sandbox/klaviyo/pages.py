"""What Klaviyo's answers look like: pages with a cursor, and timestamps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from sandbox.api import Reply, Request


def page_of(request: Request) -> tuple[int, str]:
    """Return the page size and the cursor that a request asks for: 20 unless told, 100 at most."""
    size = request.query.get("page[size]", "20")
    return min(max(int(size) if size.isdigit() else 20, 1), 100), request.query.get("page[cursor]", "")


def keyset_page(request: Request, items: list[dict[str, Any]], size: int) -> Reply:
    """Return a page of items that are in the order of their ids; one item more than fits says that there is another."""
    more = items[size - 1]["id"] if len(items) > size else None
    return Reply(200, {"data": items[:size], "links": links(request, more)})


def sparse(request: Request, profile: dict[str, Any]) -> dict[str, Any]:
    """Return a profile with the attributes that a request asks for."""
    wanted = request.query.get("fields[profile]")
    if wanted is None:
        return profile
    names = {name.partition(".")[0] for name in wanted.split(",")}
    return {**profile, "attributes": {name: profile["attributes"].get(name) for name in sorted(names)}}


def offset_page(request: Request, items: list[Any], shape: Callable[[Any], Any] | None = None) -> Reply:
    """Return a page of a list that does not change, each item in the given shape."""
    size, cursor = page_of(request)
    start = int(cursor) if cursor.isdigit() else 0
    page = items[start : start + size]
    more = str(start + size) if start + size < len(items) else None
    data = [shape(item) for item in page] if shape else page
    return Reply(200, {"data": data, "links": links(request, more)})


def links(request: Request, cursor: str | None) -> dict[str, str]:
    """Return the addresses of a page, and of the next one if there is one."""
    address = f"{request.base_url}{request.path}"
    told = {"self": f"{address}?{urlencode(request.query)}" if request.query else address}
    if cursor is not None:
        told["next"] = f"{address}?{urlencode({**request.query, 'page[cursor]': cursor})}"
    return told


def iso(seconds: float | None) -> str | None:
    """Return a timestamp as the API writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(seconds)) if seconds is not None else None
