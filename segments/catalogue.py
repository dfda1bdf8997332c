"""The segments of a project: what each means, who owns it, how large it is, and which syncs use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from sqlglot import exp

from warehouse.base import Relation, Warehouse
from warehouse.errors import ConfigError
from warehouse.manifest import Manifest, Node
from warehouse.sql import statement

PREFIX = "seg_"
WEEKS = 8  #: points of a trend at most, a week apart
_BUILT = "select as_of from dbt_results where node_id = $node and status in ('success', 'pass')"
_FIRST = "select min(entered_at) as entered_at from segment_history"
_SIZES = "select segment from segment_history group by segment"
_MOVED = """
select coalesce(entered, 0) as entered, coalesce(exited, 0) as exited, reason from (
    select 'entered' as reason, count(*) as entered, 0 as exited from segment_history
    where segment = $segment and entered_at > $since
    union all
    select coalesce(reason, 'left') as reason, 0 as entered, count(*) as exited from segment_history
    where segment = $segment and exited_at > $since group by coalesce(reason, 'left')
) as moved order by reason
"""


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of the project.

    Attributes:
        name: Its name, without ``seg_``.
        node: Its model.
        description: What it means.
        owner: Whom to ask.
        purpose: What its members are contacted for.
        is_followed: Whether its members are followed over time.
        syncs: The syncs that stand on it.
    """

    name: str
    node: Node
    description: str
    owner: str | None
    purpose: str | None
    is_followed: bool
    syncs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Size:
    """How large a followed segment is and was.

    Attributes:
        now: Members now.
        trend: Members at the end of each of the last weeks, the oldest first; the last is now. Weeks before anything
            was followed are left out.
    """

    now: int
    trend: tuple[int, ...]

    @property
    def change(self) -> int | None:
        """How many more than a week ago; nothing where that is not known."""
        return self.trend[-1] - self.trend[-2] if len(self.trend) > 1 else None


def load(manifest: Manifest) -> list[Segment]:
    """Return the segments of a project, by name."""
    members = manifest.model("segment_members")
    followed = set(members.depends_on) if members else set()
    feeds = {
        exposure.name: set().union(*(manifest.upstream(read) for read in exposure.depends_on))
        for exposure in manifest.exposures.values()
        if "sync" in exposure.meta
    }
    nodes = (node for node in manifest.nodes.values() if node.kind == "model" and node.name.startswith(PREFIX))
    return [
        Segment(
            name=node.name.removeprefix(PREFIX),
            node=node,
            description=" ".join(str(node.raw.get("description") or "").split()),
            owner=node.meta.get("owner"),
            purpose=node.meta.get("purpose"),
            is_followed=node.unique_id in followed,
            syncs=tuple(sorted(name for name, stands_on in feeds.items() if node.unique_id in stands_on)),
        )
        for node in sorted(nodes, key=lambda node: node.name)
    ]


def find(segments: Sequence[Segment], name: str) -> Segment:
    """Return the segment of that name, with ``seg_`` or without.

    Raises:
        ConfigError: There is none.
    """
    wanted = name.removeprefix(PREFIX)
    names = [segment.name for segment in segments]
    if wanted in names:
        return segments[names.index(wanted)]
    close = get_close_matches(wanted, names, n=1)
    fix = f"Did you mean {close[0]!r}?" if close else f"Use one of: {', '.join(names) or 'none is there yet'}."
    raise ConfigError(f"There is no segment called {wanted!r}.", where="models/segments", fix=fix)


def built_at(warehouse: Warehouse, node: Node, results: Relation) -> datetime | None:
    """Return the moment that a model was last built for; nothing where it never was."""
    if not warehouse.columns(results):
        return None
    found = warehouse.query(statement(_BUILT, {"dbt_results": results}, node=node.unique_id))
    moment: datetime | None = found[0]["as_of"] if found else None
    return moment


def sizes(warehouse: Warehouse, history: Relation, now: datetime) -> dict[str, Size]:
    """Return how large each followed segment is and was, by its name."""
    [first] = warehouse.query(statement(_FIRST, {"segment_history": history}))
    weeks = [now - timedelta(weeks=weeks) for weeks in range(WEEKS - 1, 0, -1)]
    points = [week for week in weeks if first["entered_at"] and week >= first["entered_at"]] + [now]
    query = statement(_SIZES, {"segment_history": history})
    assert isinstance(query, exp.Select)  # noqa: S101
    for place, point in enumerate(points):
        moment = exp.cast(exp.convert(point.isoformat(sep=" ")), "timestamp")
        entered = exp.column("entered_at") <= moment
        stayed = exp.or_(exp.column("exited_at").is_(exp.null()), exp.column("exited_at") > moment.copy())
        counted = exp.func("count", exp.case().when(exp.and_(entered, stayed), "1"))
        query = query.select(exp.alias_(counted, f"w{place}"))
    found = {}
    for row in warehouse.query(query):
        trend = tuple(int(row[f"w{place}"]) for place in range(len(points)))
        found[str(row["segment"])] = Size(trend[-1], trend)
    return found


def moved(warehouse: Warehouse, history: Relation, segment: str, since: datetime) -> Mapping[str, int]:
    """Return how many people entered a segment since a moment, and how many left it, by reason."""
    rows: list[dict[str, Any]] = warehouse.query(
        statement(_MOVED, {"segment_history": history}, segment=segment, since=since.isoformat(sep=" "))
    )
    return {str(row["reason"]): int(row["entered"]) + int(row["exited"]) for row in rows}
