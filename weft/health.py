"""``weft health``: how the identity graph is, and what changed since the day before."""

from __future__ import annotations

import sys
from dataclasses import asdict
from math import ceil
from typing import TYPE_CHECKING, Annotated, Any

import typer

from warehouse.errors import ConfigError
from weft.output import JsonOption, KeysOption, as_json, key_shown, note, table
from weft.session import Session

if TYPE_CHECKING:
    from identity.health import Health
    from warehouse.base import Relation

_MODELS = ("identity_health", "identity_hubs", "identity_nodes")
_TOTALS = (
    *("people", "largest_person", "largest_component", "merges", "splits", "refusals"),
    *("identifiers", "blocked_identifiers", "shared_identifiers"),
)
_PARTS = {
    "people_by_size": "people by number of identifiers",
    "blocked_identifiers_by_reason": "blocked identifiers",
    "shared_identifiers_by_rule": "shared identifiers",
    "refusals_by_limit": "refused links",
}
_BAR = 30  #: characters of the longest bar


def health(
    days: Annotated[int, typer.Option(min=2, help="How many days to print with --json.")] = 30,
    show_keys: KeysOption = False,
    json: JsonOption = False,
) -> None:
    """Show how the identity graph is: people by size, merges and splits, identifiers blocked, shared and most tied."""
    from identity.health import hubs, read

    session = Session()
    relations = _relations(session)
    with session.warehouse() as warehouse:
        found = read(warehouse, relations["identity_health"], days)
        most = [
            asdict(hub) | {"identifier_value": key_shown(hub.identifier_value, show_keys)}
            for hub in (hubs(warehouse, relations) if found.measures else [])
        ]
    if json:
        as_json({"measures": [asdict(measure) for measure in found.measures], "most_connected": most})
        return
    if not found.measures:
        note("Nothing was measured yet; `dbt build` does it.")
        return
    _show(found, most)


def _show(found: Health, most: list[dict[str, Any]]) -> None:
    totals = []
    for metric in _TOTALS:
        history = found.history(metric)
        if history and history[-1].day == found.day:
            before = history[-2].value if len(history) > 1 else None
            totals.append((metric.replace("_", " "), history[-1].value, _percent(history[-1].share), before))
    table(("metric", "value", "share", "day before"), totals, title=f"identity graph on {found.day}")
    for metric, title in _PARTS.items():
        parts = found.parts(metric)
        if parts:
            # A bar is for the eye: a pipe gets none.
            bars = _bars([part.value for part in parts]) if sys.stdout.isatty() else [""] * len(parts)
            rows = [
                (part.identifier_type, part.detail, part.value, _percent(part.share), bar)
                for part, bar in zip(parts, bars, strict=True)
            ]
            table(("type", metric, "count", "share", ""), rows, title=title)
    tied = [
        (hub["identifier_type"], hub["identifier_value"], hub["count_neighbours"], "yes" if hub["is_shared"] else "no")
        for hub in most
    ]
    table(("type", "identifier", "neighbours", "shared"), tied, title="most connected identifiers", empty="none")


def _bars(values: list[int]) -> list[str]:
    most = max(values, default=0) or 1
    return ["█" * ceil(value * _BAR / most) for value in values]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.2%}"


def _relations(session: Session) -> dict[str, Relation]:
    nodes = {name: session.manifest.model(name) for name in _MODELS}
    missing = [name for name, node in nodes.items() if node is None]
    if missing:
        raise ConfigError(
            f"The project has no model {missing[0]!r}, which this command reads.", where="models/", fix="Restore it."
        )
    return {name: node.relation for name, node in nodes.items() if node is not None}
