"""The page in docs/ that says what every destination declares, written from the declarations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any

from reverse_etl.destinations import catalogue
from reverse_etl.destinations.base import Destination, Family

_HEAD = """# What every destination declares

Written by `weft destinations --record > docs/destinations/reference.md`; a test fails when it is not current.
How weft uses a destination, what a removal does there and what is not documented stands on the page of each.

Calls are paced to so many a second, after a burst of at most so many at once. What the vendor's headers say goes
before that pace. The ceiling is arithmetic: rows of a call times calls a second.
"""


def render(destinations: Sequence[type[Destination]], today: date) -> str:
    """Return the page as Markdown. It holds nothing that changes from one day to the next.

    Args:
        destinations: What to describe.
        today: Any day; what is counted from it is left out.
    """
    ordered = sorted(destinations, key=lambda one: (list(Family).index(one.family), one.name))
    parts = [_HEAD, *_overview(ordered)]
    for destination in ordered:
        parts += _section(catalogue.details(destination, today))
    return "\n".join(parts) + "\n"


def _overview(destinations: Sequence[type[Destination]]) -> Iterator[str]:
    rows = []
    for family, members in groupby(destinations, key=lambda one: one.family):
        for number, one in enumerate(members):
            rows.append(
                (
                    str(family) if not number else "",
                    f"[{one.label}]({one.name}.md)",
                    ", ".join(f"`{name}`" for name in sorted(one.objects)),
                    one.api_version,
                    str(one.api_version_ends or "not announced"),
                )
            )
    yield _table(("family", "destination", "objects", "API version", "ends"), rows)


def _section(details: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {details['label']}\n"
    yield f"`destination: {details['destination']}` · settings: {', '.join(map(_setting, details['settings']))}\n"
    objects: Mapping[str, Mapping[str, Any]] = details["objects"]
    names = [f"`{name}`" for name in objects]
    yield _table(
        ("", *names),
        [(label, *(_said(label, told) for told in objects.values())) for label in _LABELS],
    )
    yield _table(
        ("object", "op", "rows a call", "bytes a call", "calls a second", "burst", "ceiling, rows a second"),
        [
            (
                f"`{name}`",
                op,
                f"{told['rows']:,}",
                f"{told['bytes']:,}",
                f"{told['calls_per_second']:,g}",
                str(told["burst"]),
                f"{told['ceiling_rows_per_second']:,g}",
            )
            for name, thing in objects.items()
            for op, told in thing["limits"].items()
        ],
    )
    if details["codes"]:
        codes = [(f"`{told['code']}`", told["outcome"], told["reason"]) for told in details["codes"]]
        yield _table(("code", "outcome", "meaning"), codes)
    yield "Written from: " + "; ".join(map(_cited, details["documentation"])) + ".\n"


_LABELS = (
    "target",
    "modes",
    "key",
    "columns",
    "hashed before they leave",
    "a removal",
    "empty values",
    "a change carries",
    "refused rows are told by",
    "answered",
    "a call may be repeated",
    "calls at a time",
    "tells members, count",
    "`on_merge: merge`",
)


def _said(label: str, told: Mapping[str, Any]) -> str:
    """Return what an object says about one line of its table."""
    own = ", ".join(f"`{column}`" + (" (required)" if column in told["required"] else "") for column in told["columns"])
    empties = f" It empties columns that begin with `{told['removal_empties']}`." if told["removal_empties"] else ""
    said: dict[str, str] = {
        "target": "required" if told["needs_target"] else "none",
        "modes": ", ".join(told["modes"]),
        "key": ", ".join(f"`{key}`" for key in told["keys"]) or "any column",
        "columns": ", ".join(part for part in (own, "any other" if told["custom_columns"] else "") if part),
        "hashed before they leave": ", ".join(f"`{column}`" for column in told["hashed_columns"]) or "none",
        "a removal": (told["removal"] + empties) if "mirror" in told["modes"] else "none",
        "empty values": ", ".join(f"`{policy}`" for policy in told["nulls"]),
        "a change carries": "nothing: rows are sent once"
        if told["modes"] == ["append"]
        else "the changed columns"
        if told["sends_changes"]
        else "all columns",
        "refused rows are told by": told["row_errors"],
        "answered": "later, by a job" if told["asynchronous"] else "at once",
        "a call may be repeated": "yes" if told["idempotent"] else "no",
        "calls at a time": str(told["concurrency"]),
        "tells members, count": f"{_yes(told['lists_members'])}, {_yes(told['counts'])}",
        "`on_merge: merge`": _yes(told["merges"]),
    }
    return said[label]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _setting(setting: Mapping[str, Any]) -> str:
    notes = [
        *(["required"] if setting["required"] else []),
        *(["secret"] if setting["secret"] else []),
        *([f"`{setting['default']}` unless said"] if setting["default"] not in (None, "", (), {}) else []),
    ]
    return f"`{setting['name']}`" + (f" ({', '.join(notes)})" if notes else "")


def _cited(page: Mapping[str, Any]) -> str:
    title = f"[{page['title']}]({page['url']})" if page["url"] else f"“{page['title']}”"
    return f"{title}, read on {page['read']}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"
