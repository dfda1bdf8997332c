"""How the identity graph is, on the page of ``identity_health``: its numbers and its picture."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.health_picture import draw
from assets.resources import WarehouseResource
from assets.syncs import chart
from identity.health import Health, read
from warehouse.base import Relation
from warehouse.errors import WeftError

_NUMBERS = ("people", "largest_person", "largest_component", "merges", "splits", "identifiers")
_SHARES = ("blocked_identifiers", "shared_identifiers")
_LISTED = ("blocked_identifiers_by_reason", "shared_identifiers_by_rule", "refusals_by_limit")
_MOST_LISTED = 15  #: lines of one table


class HealthEvents:
    """Keeps back what dbt made of ``identity_health`` until dbt has ended, and gives it the picture then.

    The picture is read from the warehouse, and DuckDB lets nobody else in while dbt is there.

    Args:
        key: The asset of the model; nothing where the project has none.
        relation: Where the model is.
    """

    def __init__(self, key: dg.AssetKey | None, relation: Relation | None) -> None:
        self._key, self._relation = key, relation
        self._kept: list[Any] = []

    def keeps(self, event: Any) -> bool:
        """Take an event if it is about the model, and return whether it was."""
        if self._key is None:
            return False
        is_ours = (
            event.output_name == self._key.to_python_identifier()
            if isinstance(event, dg.Output)
            else getattr(event, "asset_key", None) == self._key
        )
        if is_ours:
            self._kept.append(event)
        return is_ours

    def released(self, context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Iterator[Any]:
        """Yield what was kept; without a picture, and with a warning in the log, where the warehouse cannot be read."""
        for event in self._kept:
            if isinstance(event, dg.Output) and self._relation is not None:
                try:
                    with warehouse.open() as opened:
                        shown = health_metadata(read(opened, self._relation))
                except WeftError as error:
                    context.log.warning("The health of the identity graph is not shown: %s", error)
                    shown = {}
                yield dg.Output(None, output_name=event.output_name, metadata={**event.metadata, **shown})
            else:
                yield event


def health_metadata(health: Health) -> dict[str, Any]:
    """Return what Dagster shows of a day: a picture, and numbers that it can draw over time. Never a person."""
    if not health.measures:
        return {}
    picture = b64encode(draw(health).encode()).decode()
    sizes = [(part.detail, part.value) for part in health.parts("people_by_size")]
    shown: dict[str, Any] = {
        "people by number of identifiers": dg.MetadataValue.md(chart(sizes, "identifiers")),
        # Dagster opens what is longer than a thousand characters by a click only, as it does every picture.
        "picture": dg.MetadataValue.md(
            "\n\n".join([f"![The identity graph's health](data:image/svg+xml;base64,{picture})", *_tables(health)])
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
