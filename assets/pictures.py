"""What Dagster shows of models beside dbt's own words: a picture, and numbers that it can draw over time.

Pictures are read from the warehouse, and DuckDB lets nobody else in while dbt is there. So what dbt made of these
models is kept back until dbt has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from assets import customer_picture, segment_picture
from assets.health import health_metadata
from assets.resources import WarehouseResource
from assets.svg import embedded
from identity import health
from warehouse.base import Relation, Warehouse
from warehouse.errors import WeftError
from warehouse.manifest import Manifest, Node
from warehouse.sql import statement

Rows = Sequence[Mapping[str, Any]]
#: Returns the metadata of a model, from an open warehouse.
Shown = Callable[[Warehouse], Mapping[str, Any]]

_SIZES = "select segment, day, members, entered, exited from segment_sizes order by day desc, segment limit 1500"
_OVERLAP = "select segment, other_segment, members_of_both, jaccard from segment_overlap"
_FLOW = """
select week, from_segment, to_segment, people from segment_flow
where week = (select max(latest.week) from segment_flow as latest)
"""
_REACH = "select segment, channel, members, members_with_consent, reachable from segment_reach"
_RFM = """
select recency_score, value_score, rfm_name, count(*) as people from profile_rfm
group by recency_score, value_score, rfm_name
"""
_LIFECYCLE = "select stage, count(*) as people from profile_lifecycle group by stage"

#: Model to the question that is asked of it, how the answer is drawn, and which numbers are shown of it.
_DRAWN: Mapping[str, tuple[str, Callable[[Rows], str], Callable[[Rows], Mapping[str, int]]]] = {
    "segment_sizes": (_SIZES, segment_picture.sizes, lambda rows: _newest(rows)),
    "segment_overlap": (_OVERLAP, segment_picture.overlap, lambda rows: {}),
    "segment_flow": (_FLOW, segment_picture.flow, lambda rows: {}),
    "segment_reach": (
        _REACH,
        segment_picture.reach,
        lambda rows: {f"{row['segment']} by {row['channel']}": int(row["reachable"]) for row in rows},
    ),
    "profile_rfm": (_RFM, customer_picture.rfm, lambda rows: _added(rows, "rfm_name")),
    "profile_lifecycle": (_LIFECYCLE, customer_picture.lifecycle, lambda rows: _added(rows, "stage")),
}


class PictureEvents:
    """Keeps back what dbt made of the models that have pictures until dbt has ended, and gives them the pictures then.

    Args:
        shown: The assets of those models, and what is shown of each.
    """

    def __init__(self, shown: Mapping[dg.AssetKey, Shown]) -> None:
        self._shown = {key.to_python_identifier(): show for key, show in shown.items()}
        self._keys = set(shown)
        self._kept: list[Any] = []

    def keeps(self, event: Any) -> bool:
        """Take an event if it is about one of the models, and return whether it was."""
        is_ours = (
            event.output_name in self._shown
            if isinstance(event, dg.Output)
            else getattr(event, "asset_key", None) in self._keys
        )
        if is_ours:
            self._kept.append(event)
        return is_ours

    def released(self, context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Iterator[Any]:
        """Yield what was kept; without pictures, and with a warning in the log, where the warehouse cannot be read."""
        for event in self._kept:
            if isinstance(event, dg.Output):
                try:
                    with warehouse.open() as opened:
                        shown = self._shown[event.output_name](opened)
                except WeftError as error:
                    context.log.warning("The picture of %s is not shown: %s", event.output_name, error)
                    shown = {}
                yield dg.Output(None, output_name=event.output_name, metadata={**event.metadata, **shown})
            else:
                yield event


def pictures(manifest: Manifest) -> dict[str, Shown]:
    """Return by id the models of a project that have a picture, and what is shown of each."""
    found: dict[str, Shown] = {}
    node = manifest.model(health.MODEL)
    if node is not None:
        found[node.unique_id] = _health(node.relation)
    for name in _DRAWN:
        node = manifest.model(name)
        if node is not None:
            found[node.unique_id] = _drawn(node)
    return found


def drawn_metadata(warehouse: Warehouse, model: str, relation: Relation) -> dict[str, Any]:
    """Return the picture of a model and its numbers; nothing where it has no rows yet. Never a person."""
    query, draw, numbers = _DRAWN[model]
    rows = warehouse.query(statement(query, {model: relation}))
    if not rows:
        return {}
    return {"picture": dg.MetadataValue.md(embedded(model.replace("_", " "), draw(rows))), **numbers(rows)}


def _health(relation: Relation) -> Shown:
    return lambda warehouse: health_metadata(health.read(warehouse, relation))


def _drawn(node: Node) -> Shown:
    return lambda warehouse: drawn_metadata(warehouse, node.name, node.relation)


def _newest(rows: Rows) -> dict[str, int]:
    """Return each segment's size on the last day."""
    last = max(row["day"] for row in rows)
    return {str(row["segment"]): int(row["members"]) for row in rows if row["day"] == last}


def _added(rows: Rows, name: str) -> dict[str, int]:
    counted: dict[str, int] = {}
    for row in rows:
        counted[str(row[name])] = counted.get(str(row[name]), 0) + int(row["people"])
    return counted
