"""Guards: what must hold of a plan before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from reverse_etl.bounds import AnyBound, Bound, Duration, rows_of, shown
from reverse_etl.errors import ConfigError, GuardTripped
from reverse_etl.report import GuardResult, Plan

__all__ = ["DECISIONS", "Bound", "Evidence", "Guards", "allowed", "judge", "stop", "tripped"]

#: What a person can decide about, and the guards that the decision lets pass once.
DECISIONS: Mapping[str, tuple[str, ...]] = {
    "removals": ("max_removed", "max_removed_rows"),
    "changes": ("max_changed",),
    "rows": ("min_rows",),
    "age": ("max_age", "max_feed_age"),
    "checks": ("checks",),
}
_NAMED = 3  #: failed checks that a message names


class Guards(BaseModel):
    """The guards of one sync; ``None`` (``null`` in yml) is no limit.

    Attributes:
        min_rows: Fewest rows that the feed must have; an empty feed never empties an audience unless this is 0.
        max_removed: Most rows to remove, as a share of what is held or as a number.
        max_removed_rows: Most rows to remove, as a number, beside a share.
        max_changed: Most rows to change, as a share of what is held or as a number.
        max_age: How long ago the youngest event may have been received; where sources stand still, everybody lapses.
        max_feed_age: How long ago dbt may have built the feed.
        checks: Whether a model or test upstream of the feed that failed in its last run stops the sync.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    min_rows: int | None = Field(default=1, ge=0, strict=True)
    max_removed: AnyBound | None = None
    max_removed_rows: int | None = Field(default=None, ge=0, strict=True)
    max_changed: AnyBound | None = None
    max_age: Duration | None = None
    max_feed_age: Duration | None = None
    checks: bool | None = Field(default=False, strict=True)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the guards look at beside the plan's counts; gathered by :func:`reverse_etl.evidence.gather`.

    Attributes:
        newest_event: When the youngest event was received.
        feed_built: When dbt last built the feed; nothing where that was never recorded.
        feed_status: How that ended.
        failed: What failed upstream of the feed, for people.
    """

    newest_event: datetime | None = None
    feed_built: datetime | None = None
    feed_status: str = ""
    failed: tuple[str, ...] = ()


def judge(guards: Guards, plan: Plan, evidence: Evidence) -> tuple[GuardResult, ...]:
    """Hold a plan against the guards. Removals that people asked for count towards none of them."""
    judges: Mapping[str, Callable[[Any, Plan, Evidence], tuple[str, str, bool]]] = {
        "min_rows": _rows,
        "max_removed": lambda bound, plan, _: (str(bound), _removed(plan), not bound.allows(*_share(plan))),
        "max_removed_rows": lambda most, plan, _: (rows_of(most), _removed(plan), _share(plan)[0] > most),
        "max_changed": _changed,
        "max_age": _age,
        "max_feed_age": _feed_age,
        "checks": _checks,
    }
    results = []
    for name, judged in judges.items():
        limit = getattr(guards, name)
        asked_for = name == "max_changed" and plan.resync  # to send everything again is what a resync is for
        if limit is not None and limit is not False and not asked_for:
            results.append(GuardResult(name, *judged(limit, plan, evidence)))
    return tuple(results)


def allowed(words: Iterable[str], where: str) -> frozenset[str]:
    """Return what a person decided to let pass once.

    Args:
        words: Such as ``removals``; see :data:`DECISIONS`.
        where: Where they were given, for the message.

    Raises:
        ConfigError: A word is not known; the message lists those that are.
    """
    given = frozenset(words)
    for word in sorted(given - set(DECISIONS)):
        meant = next((decision for decision, guards in DECISIONS.items() if word in guards), None)
        close = [meant] if meant else get_close_matches(word, DECISIONS, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ConfigError(f"Nothing called {word!r} can be allowed.", where=where, fix=f"{hint}{_decisions()}")
    return given


def tripped(plan: Plan, allow: frozenset[str]) -> tuple[GuardResult, ...]:
    """Return the guards that stop the run: those that tripped and that nobody has decided to let pass."""
    passed = {guard for word in allow for guard in DECISIONS[word]}
    return tuple(guard for guard in plan.tripped if guard.name not in passed)


def stop(plan: Plan, guards: tuple[GuardResult, ...], where: str, allow: frozenset[str]) -> GuardTripped:
    """Return the error that ends a stopped run: what tripped, its limit, the plan's figure, and how to let it pass.

    Args:
        plan: The plan.
        guards: Those that stop it; at least one.
        where: The exposure.
        allow: What was let pass already, to be repeated in the command.
    """
    told = "; ".join(f"{guard.name} allows {guard.limit}, the plan has {guard.actual}" for guard in guards)
    decisions = [word for word, names in DECISIONS.items() if word in allow or {g.name for g in guards} & {*names}]
    options = " ".join([*(["--resync"] if plan.resync else []), *(f"--allow {word}" for word in decisions)])
    sent = f"but the {rows_of(plan.opted_out)} that people asked to be removed" if plan.opted_out else "was sent"
    return GuardTripped(
        f"The run of {plan.sync!r} was stopped, and nothing {sent}: {told}.",
        where=where,
        fix=f"look at the plan with `weft plan {plan.sync}`; if it is right, let it pass once with "
        f"`weft run {plan.sync} {options}`, or in Dagster with the run tag weft/allow: {','.join(decisions)}",
        guards=guards,
    )


def _decisions() -> str:
    return "use: " + ", ".join(f"{word} ({', '.join(guards)})" for word, guards in DECISIONS.items())


def _share(plan: Plan) -> tuple[int, int]:
    return plan.remove - plan.opted_out, plan.applied_rows


def _removed(plan: Plan) -> str:
    asked = f" (and {plan.opted_out} that people asked for)" if plan.opted_out else ""
    return f"{plan.remove - plan.opted_out} of {plan.applied_rows} removed{asked}"


def _rows(least: int, plan: Plan, _: Evidence) -> tuple[str, str, bool]:
    return f"no fewer than {rows_of(least)}", rows_of(plan.feed_rows), plan.feed_rows < least


def _changed(bound: Bound, plan: Plan, _: Evidence) -> tuple[str, str, bool]:
    mapping = f" ({plan.changed_by_mapping} by the change of mapping alone)" if plan.changed_by_mapping else ""
    actual = f"{plan.change} of {plan.applied_rows} changed{mapping}"
    return str(bound), actual, not bound.allows(plan.change, plan.applied_rows)


def _age(most: Any, plan: Plan, evidence: Evidence) -> tuple[str, str, bool]:
    if evidence.newest_event is None:
        return f"events of the last {shown(most)}", "no event at all", True
    age = plan.as_of - evidence.newest_event
    return f"events of the last {shown(most)}", f"none for {shown(age)}", age > most


def _feed_age(most: Any, plan: Plan, evidence: Evidence) -> tuple[str, str, bool]:
    limit = f"a feed built within {shown(most)}"
    if evidence.feed_built is None:
        return limit, "one that dbt has not been seen to build", True
    if evidence.feed_status != "success":
        return limit, f"one whose last build ended as {evidence.feed_status!r}", True
    age = plan.as_of - evidence.feed_built
    return limit, f"one of {shown(age)} ago", age > most


def _checks(_: bool, __: Plan, evidence: Evidence) -> tuple[str, str, bool]:
    count = len(evidence.failed)
    more = f" and {count - _NAMED} more" if count > _NAMED else ""
    names = ", ".join(evidence.failed[:_NAMED])
    return "no failure upstream", f"{count} ({names}{more})" if count else "none", bool(count)
