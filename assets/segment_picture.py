"""Pictures of the segments: how large they are, what they share, where people go and who can be reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assets.svg import AMBER, BLUE, FAINT, LINE, PALE, RED, box, field, label, line, page, ribbon

Rows = Sequence[Mapping[str, Any]]

_EDGE, _HEAD, _NAME = 16, 44, 170  #: margins: sides, title, names at the left
_ROW, _TREND = 34, 340
_CELL = 74
_COLORS = (BLUE, AMBER, "#3a9d6e", "#8d5bd1", RED, "#2b9ab0", "#b0672b", "#5c6ac4")


def sizes(rows: Rows) -> str:
    """Draw each segment's size day by day, the largest first, with who came and went on the last day."""
    days = sorted({row["day"] for row in rows})
    by_segment: dict[str, dict[Any, Mapping[str, Any]]] = {}
    for row in rows:
        by_segment.setdefault(str(row["segment"]), {})[row["day"]] = row
    last = {name: found[max(found)] for name, found in by_segment.items()}
    names = sorted(last, key=lambda name: (-int(last[name]["members"]), name))
    width, height = _NAME + _TREND + 260, _HEAD + _ROW * len(names) + _EDGE
    drawn = [label(_EDGE, 26, f"People in each segment, {days[0]} to {days[-1]}", weight=600)]
    for number, name in enumerate(names):
        top = _HEAD + number * _ROW
        found = by_segment[name]
        most = max(int(row["members"]) for row in found.values()) or 1
        points = [
            (_NAME + _TREND * (place / max(len(days) - 1, 1)), top + 24 - 20 * int(found[day]["members"]) / most)
            for place, day in enumerate(days)
            if day in found
        ]
        drawn += [label(_NAME - 10, top + 18, name, anchor="end"), box(_NAME, top + 25, _TREND, 1, LINE)]
        if len(points) > 1:
            drawn.append(line(points, BLUE))
        drawn.append(box(points[-1][0] - 2, points[-1][1] - 2, 4, 4, BLUE))
        now, right = last[name], _NAME + _TREND + 90
        drawn.append(label(right, top + 18, f"{int(now['members']):,}", anchor="end", weight=600))
        drawn.append(label(right + 70, top + 18, f"+{int(now['entered']):,}", anchor="end", color=BLUE))
        drawn.append(label(right + 140, top + 18, f"-{int(now['exited']):,}", anchor="end", color=RED))
    return page(width, height, drawn)


def overlap(rows: Rows) -> str:
    """Draw the Jaccard index of each two segments as a grid."""
    names = sorted({str(row[side]) for row in rows for side in ("segment", "other_segment")})
    shared = {(str(row["segment"]), str(row["other_segment"])): row for row in rows}
    most = max((float(row["jaccard"] or 0) for row in rows), default=0) or 1
    drawn = [label(_EDGE, 26, "What segments share: people in both among those in either", weight=600)]
    for place, name in enumerate(names):
        top = _HEAD + place * 36
        drawn.append(label(_NAME - 10, top + 22, name, anchor="end"))
        for column, other in enumerate(names[:place]):
            row = shared[other, name]
            share = float(row["jaccard"] or 0)
            texts = [f"{share:.1%}"] if row["members_of_both"] else []
            drawn.append(field(_NAME + column * _CELL, top, _CELL, 36, share / most, texts))
        drawn.append(label(_NAME + place * _CELL + 4, top + 22, name, color=PALE, size=11))
    return page(_NAME + len(names) * _CELL + 100, _HEAD + len(names) * 36 + _EDGE, drawn)


def flow(rows: Rows) -> str:
    """Draw from which segments people went to which in the last week, as bands as high as they are many."""
    ends = {side: _totals(rows, side) for side in ("from_segment", "to_segment")}
    names = sorted(ends["from_segment"] | ends["to_segment"], key=lambda name: (name == "none", name))
    colors = {name: _COLORS[number % len(_COLORS)] for number, name in enumerate(n for n in names if n != "none")}
    colors["none"] = PALE
    gap, room = 22, 420.0
    whole = max(*(sum(totals.values()) for totals in ends.values()), 1)
    width, left, right = 860, _NAME + 60, 620
    drawn = [label(_EDGE, 26, f"From segment to segment since {rows[0]['week']}, in people", weight=600)]
    tops: dict[tuple[str, str], float] = {}
    for side, x in (("from_segment", left), ("to_segment", right)):
        top = float(_HEAD + 6)
        for name in names:
            count = ends[side].get(name, 0)
            if not count:
                continue
            height = room * count / whole
            tops[side, name] = top
            drawn.append(box(x, top, 10, max(height, 1), colors[name]))
            anchor, at = ("end", x - 8) if side == "from_segment" else ("start", x + 18)
            drawn.append(label(at, top + height / 2 + 4, f"{name} {count:,}", anchor=anchor))
            top += height + gap
    bottom = _HEAD + room + gap * len(names)
    for row in sorted(rows, key=lambda row: (names.index(row["from_segment"]), names.index(row["to_segment"]))):
        source, target = ("from_segment", str(row["from_segment"])), ("to_segment", str(row["to_segment"]))
        height = room * int(row["people"]) / whole
        color = LINE if source[1] == target[1] else colors[source[1]]
        drawn.append(ribbon((left + 10, tops[source]), (right, tops[target]), max(height, 0.5), color))
        tops[source] += height
        tops[target] += height
    return page(width, bottom + _EDGE, drawn)


def reach(rows: Rows) -> str:
    """Draw for each segment and channel how many members have agreed, and how many of them can be reached."""
    names = sorted({str(row["segment"]) for row in rows})
    channels = sorted({str(row["channel"]) for row in rows})
    found = {(str(row["segment"]), str(row["channel"])): row for row in rows}
    wide = 210
    drawn = [label(_EDGE, 26, "Who can be reached: members, with consent, reachable", weight=600)]
    for column, channel in enumerate(channels):
        drawn.append(label(_NAME + column * wide, _HEAD + 14, channel, weight=600))
    for place, name in enumerate(names):
        top = _HEAD + 26 + place * _ROW
        drawn.append(label(_NAME - 10, top + 16, name, anchor="end"))
        for column, channel in enumerate(channels):
            row, left = found[name, channel], _NAME + column * wide
            most = int(row["members"]) or 1
            for measure, color in (("members", FAINT), ("members_with_consent", "#a9c6f5"), ("reachable", BLUE)):
                drawn.append(box(left, top + 4, 110 * int(row[measure]) / most, 16, color))
            share = f"{int(row['reachable']):,} ({int(row['reachable']) / most:.0%})"
            drawn.append(label(left + 116, top + 16, share))
    return page(_NAME + len(channels) * wide + _EDGE, _HEAD + 26 + _ROW * len(names) + _EDGE, drawn)


def _totals(rows: Rows, side: str) -> dict[str, int]:
    totals: dict[str, int] = {}
    for row in rows:
        totals[str(row[side])] = totals.get(str(row[side]), 0) + int(row["people"])
    return totals
