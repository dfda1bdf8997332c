"""How the identity graph is, and was on the days before: what ``identity_health`` says, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from warehouse.base import Relation, Warehouse
from warehouse.errors import ConfigError
from warehouse.sql import statement

#: The model that holds the history.
MODEL = "identity_health"

_DAYS = "select distinct measured_on from identity_health order by measured_on desc limit $days"
_ROWS = """
select measured_on, metric, identifier_type, detail, value, share
from identity_health
where measured_on >= $first and (detail = 'all' or measured_on = $last)
order by measured_on, metric, position, identifier_type
"""
_HUBS = """
select hubs.is_shared, hubs.identifier_type, hubs.count_neighbours, nodes.identifier_value
from identity_hubs as hubs
inner join identity_nodes as nodes on hubs.node_seq = nodes.node_seq
order by hubs.is_shared, hubs.position
"""


@dataclass(frozen=True, slots=True)
class Measure:
    """One number of one day.

    Attributes:
        day: The day.
        metric: What was counted.
        identifier_type: The type of identifier that was counted; ``any`` for all.
        detail: Which part of the metric; ``all`` where it has none.
        value: The number.
        share: The number as a share of its whole, from 0 to 1.
    """

    day: date
    metric: str
    identifier_type: str
    detail: str
    value: int
    share: float | None


@dataclass(frozen=True, slots=True)
class Hub:
    """An identifier that many others are tied to.

    Attributes:
        identifier_type: What kind of identifier it is.
        identifier_value: The identifier. Not to be shown to anybody but the person at the terminal.
        count_neighbours: How many different ones are tied to it.
        is_shared: Whether a rule found that it belongs to several people, so that it links nobody.
    """

    identifier_type: str
    identifier_value: str
    count_neighbours: int
    is_shared: bool


@dataclass(frozen=True, slots=True)
class Health:
    """What was measured on the last days; the parts of a metric of the last day alone.

    Attributes:
        measures: In the order of days, metrics and their parts. None before the first day.
    """

    measures: tuple[Measure, ...]

    @property
    def day(self) -> date | None:
        """The last day."""
        return self.measures[-1].day if self.measures else None

    def parts(self, metric: str) -> list[Measure]:
        """Return the parts of a metric on the last day, in their order."""
        return [each for each in self.measures if each.metric == metric and each.day == self.day]

    def history(self, metric: str) -> list[Measure]:
        """Return a metric without parts, day by day."""
        return [each for each in self.measures if each.metric == metric and each.detail == "all"]

    def now(self, metric: str) -> Measure | None:
        """Return a metric without parts on the last day."""
        return next(iter(self.parts(metric)), None)


def read(warehouse: Warehouse, relation: Relation, days: int = 30) -> Health:
    """Return the health of the identity graph.

    Args:
        warehouse: An open connection.
        relation: Where ``identity_health`` is.
        days: How many of the days measured last.

    Raises:
        ConfigError: It was never built.
    """
    if not warehouse.columns(relation):
        raise ConfigError(
            "The health of the identity graph was never measured.", where=str(relation), fix="Run `dbt build` first."
        )
    known = {MODEL: relation}
    measured = sorted(row["measured_on"] for row in warehouse.query(statement(_DAYS, known, days=days)))
    if not measured:
        return Health(())
    rows = warehouse.query(statement(_ROWS, known, first=measured[0], last=measured[-1]))
    return Health(
        tuple(
            Measure(
                day=row["measured_on"],
                metric=str(row["metric"]),
                identifier_type=str(row["identifier_type"]),
                detail=str(row["detail"]),
                value=int(row["value"]),
                share=None if row["share"] is None else float(row["share"]),
            )
            for row in rows
        )
    )


def hubs(warehouse: Warehouse, relations: Mapping[str, Relation]) -> list[Hub]:
    """Return the most connected identifiers: those that link, then those that are shared, each in the order of rank.

    Args:
        warehouse: An open connection.
        relations: Where ``identity_hubs`` and ``identity_nodes`` are.
    """
    return [
        Hub(
            identifier_type=str(row["identifier_type"]),
            identifier_value=str(row["identifier_value"]),
            count_neighbours=int(row["count_neighbours"]),
            is_shared=bool(row["is_shared"]),
        )
        for row in warehouse.query(statement(_HUBS, relations))
    ]
