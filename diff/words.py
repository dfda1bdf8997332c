"""The figures of a report as rows of words, which text and Markdown show alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from diff.report import Report, Segment, Sync, Trait
from reverse_etl.report import Plan

SEGMENTS = ("segment", "before", "after", "enter", "leave", "stay", "")
TRAITS = ("segment", "who", "trait", "they", "the others", "difference")
SYNCS = (
    "sync",
    "",
    "feed rows",
    "add",
    "change",
    "remove",
    "merge",
    "no consent",
    "suppressed",
    "API calls",
    "minutes",
    "guards",
)


def segment_rows(report: Report) -> list[tuple[Any, ...]]:
    """Return a row for each segment that the change reaches."""
    return [
        (one.name, one.before, one.after, one.enter, one.leave, one.stay, one.problem or _said(one))
        for one in report.segments
    ]


def trait_rows(report: Report) -> list[tuple[str, ...]]:
    """Return a row for each trait that separates who moves from the others."""
    return [
        (segment.name, f"{who} ({count:,})", trait.name, *_figures(trait), f"{trait.effect:+.2f}")
        for segment in report.segments
        for who, count, traits in (
            ("enter", segment.enter, segment.enterers),
            ("leave", segment.leave, segment.leavers),
        )
        for trait in traits
    ]


def sync_rows(report: Report) -> list[tuple[Any, ...]]:
    """Return what the next run of each sync that the change reaches would do, without the change and with it."""
    return [row for sync in report.syncs for row in _sync(sync)]


def remarks(report: Report) -> list[str]:
    """Return what a reader should know beside the tables."""
    said = list(report.remarks)
    if report.same:
        said.append(f"Edited, and comes out the same: {', '.join(report.same)}.")
    if report.deleted:
        said.append(f"Deleted: {', '.join(report.deleted)}.")
    said += [f"Not built: {name} ({why})." for name, why in report.left_out.items()]
    for table in report.tables:
        parts = [
            f"{len(names)} {word} ({', '.join(names)})"
            for word, names in (("added", table.added), ("removed", table.removed), ("of another type", table.retyped))
            if names
        ]
        said.append(f"Columns of {table.name}: {'; '.join(parts)}.")
    for sync in report.syncs:
        if sync.status == "deleted":
            said.append(
                f"The sync {sync.name} is deleted. The {sync.held or 0:,} rows that it sent stay at the destination; "
                "docs/syncs.md says how to end a sync."
            )
        elif sync.problem:
            said.append(f"The sync {sync.name} cannot be planned: {sync.problem}")
        if sync.columns:
            said.append(
                f"{sync.name} changes " + ", ".join(f"{name} {rows:,}" for name, rows in sync.columns.items()) + "."
            )
        for name in sync.newly_stopped:
            guard = next(one for one in sync.after.tripped if one.name == name) if sync.after else None
            if guard:
                said.append(f"{sync.name} would be stopped: {name} allows {guard.limit}, the plan has {guard.actual}.")
    untouched = [f"{count} {name if count != 1 else name[:-1]}" for name, count in report.untouched.items() if count]
    if untouched:
        said.append(f"Not reached by the change: {' and '.join(untouched)}.")
    return said


def headline(report: Report) -> str:
    """Return what was compared with what."""
    moment = f", as of {report.as_of:%Y-%m-%d %H:%M:%S} UTC" if report.as_of else ""
    return f"{report.head} compared with {report.base}{moment}; nothing was sent"


def models(report: Report) -> str:
    """Return what was changed and what was built."""
    if not report.changed and not report.deleted:
        return "No model was changed."
    changed = ", ".join(f"{one['model']} ({one['why']})" for one in report.changed) or "none"
    return f"Changed: {changed}. Built beside production: {len(report.built)}."


def _said(segment: Segment) -> str:
    if segment.status != "changed":
        return segment.status
    if not segment.moved:
        return "the same people"
    return f"{segment.moved / segment.before:.1%} of it moves" if segment.before else "empty before"


def _figures(trait: Trait) -> tuple[str, str]:
    return (
        _figure(trait.movers, trait.unit, trait.movers_is),
        _figure(trait.others, trait.unit, trait.others_is),
    )


def _figure(value: float, unit: str, bound: str) -> str:
    if unit == "share":
        return f"{bound} {value:.0%}".strip()
    if unit == "days ago":
        return f"{value:,.0f} days ago" if value >= 0 else f"in {-value:,.0f} days"
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
    return f"{value:,.{digits}f}"


def _sync(sync: Sync) -> Iterator[tuple[Any, ...]]:
    if sync.before is not None:
        yield (sync.name, "without", *_plan(sync.before))
    if sync.after is not None:
        yield (sync.name, "new" if sync.status == "new" else "with", *_plan(sync.after))
    if sync.before is None and sync.after is None:
        word = "deleted" if sync.status == "deleted" else "cannot be planned"
        yield (sync.name, word, *([None] * (len(SYNCS) - 2)))


def _plan(plan: Plan) -> tuple[Any, ...]:
    return (
        plan.feed_rows,
        plan.add,
        plan.change,
        plan.remove,
        plan.merge,
        plan.blocked.get("consent", 0),
        plan.blocked.get("suppression", 0),
        plan.api_calls,
        round(plan.minutes, 1),
        "stop: " + ", ".join(guard.name for guard in plan.tripped) if plan.tripped else "pass",
    )
