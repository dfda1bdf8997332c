"""Guards: what must hold of a plan before anything is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from reverse_etl.errors import GuardTripped
from reverse_etl.report import GuardResult, Plan

_SHARE = re.compile(r"(?P<percent>\d+(?:\.\d+)?)\s*%")
_DURATION = re.compile(r"(?P<count>\d+)\s*(?P<unit>minutes?|hours?|days?|m|h|d)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Bound:
    """Most rows, as a number or as a share of what is applied."""

    rows: int | None = None
    percent: float | None = None

    def allows(self, rows: int, of: int) -> bool:
        """Tell whether that many rows of so many are within the bound."""
        if self.rows is not None:
            return rows <= self.rows
        return rows * 100 <= (self.percent or 0) * of

    def __str__(self) -> str:
        return f"{self.rows} rows" if self.rows is not None else f"{self.percent:g}%"


def _bound(value: Any) -> Any:
    if isinstance(value, str) and (match := _SHARE.fullmatch(value.strip())) and float(match["percent"]) <= 100:
        return Bound(percent=float(match["percent"]))
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return Bound(rows=value)
    if isinstance(value, Bound):
        return value
    raise ValueError("write a share such as 20% (at most 100%) or a number of rows such as 500")


def _duration(value: Any) -> Any:
    if isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        return timedelta(**{_UNITS[match["unit"][0]]: int(match["count"])})
    if isinstance(value, timedelta):
        return value
    raise ValueError("write a duration such as 36h, 90m or 2d")


class Guards(BaseModel):
    """The guards of one sync.

    Attributes:
        min_rows: Fewest rows that the feed must have; an empty feed never empties an audience unless this is 0.
        max_removed: Most rows to remove, as a share of what is applied or as a number.
        max_removed_rows: Most rows to remove, as a number, beside a share.
        max_changed: Most rows to change, as a share of what is applied or as a number.
        max_age: How long ago the youngest event may have been received; where sources stand still, everybody lapses.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    min_rows: int = Field(default=1, ge=0, strict=True)
    max_removed: Annotated[Bound | None, BeforeValidator(_bound)] = None
    max_removed_rows: int | None = Field(default=None, ge=0, strict=True)
    max_changed: Annotated[Bound | None, BeforeValidator(_bound)] = None
    max_age: Annotated[timedelta | None, BeforeValidator(_duration)] = None


def judge(guards: Guards, plan: Plan, newest_event: datetime | None) -> tuple[GuardResult, ...]:
    """Hold a plan against the guards.

    Args:
        guards: The sync's guards.
        plan: The plan.
        newest_event: When the youngest event was received; only asked for where ``max_age`` is set.
    """
    share = f"{plan.remove} of {plan.applied_rows}"
    results = [
        GuardResult("min_rows", f"{guards.min_rows} rows", f"{plan.feed_rows} rows", plan.feed_rows < guards.min_rows)
    ]
    if guards.max_removed is not None:
        tripped = not guards.max_removed.allows(plan.remove, plan.applied_rows)
        results.append(GuardResult("max_removed", str(guards.max_removed), share, tripped))
    if guards.max_removed_rows is not None:
        tripped = plan.remove > guards.max_removed_rows
        results.append(GuardResult("max_removed_rows", f"{guards.max_removed_rows} rows", share, tripped))
    if guards.max_changed is not None:
        tripped = not guards.max_changed.allows(plan.change, plan.applied_rows)
        changed = f"{plan.change} of {plan.applied_rows}"
        results.append(GuardResult("max_changed", str(guards.max_changed), changed, tripped))
    if guards.max_age is not None:
        age = plan.as_of - newest_event if newest_event else None
        tripped = age is None or age > guards.max_age
        results.append(GuardResult("max_age", str(guards.max_age), str(age) if age else "no event at all", tripped))
    return tuple(results)


def enforce(plan: Plan, where: str, allow: frozenset[str]) -> None:
    """Stop the run when a guard trips that nobody has overruled.

    Raises:
        GuardTripped: Names every guard that tripped, its limit and the plan's figure.
    """
    tripped = [guard for guard in plan.tripped if guard.name not in allow]
    if tripped:
        told = "; ".join(f"{guard.name} allows {guard.limit}, the plan has {guard.actual}" for guard in tripped)
        names = " ".join(f"--allow {guard.name}" for guard in tripped)
        raise GuardTripped(
            f"The run of {plan.sync!r} was stopped before anything was sent: {told}.",
            where=where,
            fix=f"look at the plan with `weft plan {plan.sync}`; if it is right, run again with {names}",
        )
