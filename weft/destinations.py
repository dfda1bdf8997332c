"""``weft destinations``: where syncs can deliver to, and what each place can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from weft.output import JsonOption, as_json, note, table


def destinations(
    name: Annotated[str | None, typer.Argument(help="One destination, in full.")] = None,
    json: JsonOption = False,
    record: Annotated[bool, typer.Option("--record", help="Print the page of all as Markdown.")] = False,
) -> None:
    """List the destinations with their objects and API versions, or all that one of them declares."""
    from reverse_etl.destinations import catalogue, page, registry

    today = datetime.now(UTC).date()  # a vendor's deadline is not moved by WEFT_AS_OF
    if record:
        typer.echo(page.render([registry.get(own) for own in registry.BUILT_IN], today), nl=False)
    elif name is not None:
        told = catalogue.details(registry.get(name), today)
        if json:
            as_json(told)
        else:
            _show(told)
    else:
        found = [catalogue.summary(destination, today) for destination in registry.every()]
        if json:
            as_json(found)
            return
        columns = ("destination", "family", "objects", "API version", "ends", "days left")
        rows = [
            (
                one["destination"],
                one["family"],
                ", ".join(one["objects"]),
                one["api_version"],
                one["api_version_ends"],
                one["days_left"],
            )
            for one in found
        ]
        table(columns, rows, title="destinations")
        for remark in ending(found):
            note(remark)


def ending(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a remark for each destination whose API version ends soon.

    Args:
        found: Their summaries, from :mod:`reverse_etl.destinations.catalogue`.
    """
    from reverse_etl.destinations.catalogue import NOTICE

    return [
        f"{one['label']} answers API version {one['api_version']} for {one['days_left']} more days."
        for one in found
        if one["days_left"] is not None and one["days_left"] < NOTICE.days
    ]


def _show(told: Mapping[str, Any]) -> None:
    """Print all that one destination declares."""
    ends = told["api_version_ends"] or "not announced"
    note(f"{told['label']}, API version {told['api_version']}, ends: {ends}")
    settings = [
        (one["name"], one["required"], one["secret"], "" if one["default"] is None else str(one["default"]))
        for one in told["settings"]
    ]
    table(("setting", "required", "secret", "unless said"), settings, title="settings in connections.yml")
    objects = told["objects"].items()
    table(
        ("object", "modes", "key", "columns", "empty values", "refused rows are told by", "answered", "a removal"),
        [
            (
                name,
                ", ".join(thing["modes"]),
                ", ".join(thing["keys"]),
                ", ".join([*thing["columns"], *(["any other"] if thing["custom_columns"] else [])]),
                ", ".join(thing["nulls"]),
                thing["row_errors"],
                "later, by a job" if thing["asynchronous"] else "at once",
                thing["removal"] if "mirror" in thing["modes"] else "",
            )
            for name, thing in objects
        ],
        title="objects",
    )
    limits = [
        (name, op, told["rows"], told["bytes"], told["calls_per_second"], told["ceiling_rows_per_second"])
        for name, thing in objects
        for op, told in thing["limits"].items()
    ]
    table(("object", "op", "rows a call", "bytes a call", "calls a second", "rows a second"), limits, title="limits")
    codes = [(one["code"], one["outcome"], one["reason"]) for one in told["codes"]]
    table(("code", "outcome", "meaning"), codes, title="codes of rows", empty="none")
    pages = [(one["title"], one["url"], one["read"].isoformat()) for one in told["documentation"]]
    table(("page", "address", "read"), pages, title="written from")
