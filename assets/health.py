"""How the identity graph is, on the page of ``identity_health``: its numbers and its picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.health_picture import draw
from assets.svg import embedded
from assets.syncs import chart
from identity.health import Health

_NUMBERS = ("people", "largest_person", "largest_component", "merges", "splits", "identifiers")
_SHARES = ("blocked_identifiers", "shared_identifiers")
_LISTED = ("blocked_identifiers_by_reason", "shared_identifiers_by_rule", "refusals_by_limit")
_MOST_LISTED = 15  #: lines of one table


def health_metadata(health: Health) -> dict[str, Any]:
    """Return what Dagster shows of a day: a picture, and numbers that it can draw over time. Never a person."""
    if not health.measures:
        return {}
    sizes = [(part.detail, part.value) for part in health.parts("people_by_size")]
    shown: dict[str, Any] = {
        "people by number of identifiers": dg.MetadataValue.md(chart(sizes, "identifiers")),
        # Dagster opens what is longer than a thousand characters by a click only, as it does every picture.
        "picture": dg.MetadataValue.md(
            "\n\n".join([embedded("The identity graph's health", draw(health)), *_tables(health)])
        ),
    }
    for metric in _NUMBERS:
        if (measure := health.now(metric)) is not None:
            shown[metric.replace("_", " ")] = measure.value
    for metric in _SHARES:
        if (measure := health.now(metric)) is not None and measure.share is not None:
            shown[f"share of {metric.replace('_', ' ')}"] = measure.share
    return shown


def _tables(health: Health) -> Iterator[str]:
    for metric in _LISTED:
        parts = health.parts(metric)[:_MOST_LISTED]
        if parts:
            rows = [
                f"| {each.identifier_type} | {each.detail} | {each.value:,} | {_percent(each.share)} |"
                for each in parts
            ]
            yield "\n".join([f"| {metric.replace('_', ' ')} | | | |", "|---|---|---:|---:|", *rows])


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.2%}"
