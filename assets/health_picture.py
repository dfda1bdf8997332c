"""The picture of the identity graph's health: four small charts in one SVG, with no library and no script in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from assets.svg import AMBER, BLUE, LINE, PALE, RED, box, label, page
from identity.health import Health, Measure

_WIDE, _HIGH = 440, 210  #: of one chart
_EDGE, _HEAD, _FOOT = 16, 40, 24  #: its margins: sides, title, axis


def draw(health: Health) -> str:
    """Return an SVG: people by size, the largest component, merges and splits, blocked and shared identifiers.

    It holds counts and days, and never a person.
    """
    merges, splits = health.history("merges"), health.history("splits")
    charts = (
        _bars("People by number of identifiers", health.parts("people_by_size")),
        _days("Largest component, in identifiers", [("", BLUE, health.history("largest_component"), False)]),
        _days("People merged and split a day", [("merges", BLUE, merges, False), ("splits", AMBER, splits, False)]),
        _days(
            "Identifiers that link nobody",
            [
                ("blocked", RED, health.history("blocked_identifiers"), True),
                ("shared", AMBER, health.history("shared_identifiers"), True),
            ],
        ),
    )
    placed = [
        f'<g transform="translate({number % 2 * _WIDE} {number // 2 * _HIGH})">{chart}</g>'
        for number, chart in enumerate(charts)
    ]
    return page(2 * _WIDE, 2 * _HIGH, placed)


def _bars(title: str, parts: Sequence[Measure]) -> str:
    """One bar for each part, as long as it is large; whatever is above 0 can be seen."""
    most = max((part.value for part in parts), default=0) or 1
    step = (_HIGH - _HEAD - _EDGE) / max(len(parts), 1)
    room = _WIDE - 2 * _EDGE - 92 - 120
    drawn = [label(_EDGE, 24, title, weight=600)]
    for number, part in enumerate(parts):
        top = _HEAD + number * step
        length = max(part.value * room / most, 2 if part.value else 0)
        drawn.append(label(_EDGE + 84, top + step * 0.7, part.detail, anchor="end", color=PALE))
        drawn.append(box(_EDGE + 92, top + step * 0.15, length, step * 0.7, BLUE))
        share = f" ({part.share:.1%})" if part.share is not None else ""
        drawn.append(label(_EDGE + 98 + length, top + step * 0.7, f"{part.value:,}{share}"))
    return "".join(drawn)


def _days(title: str, series: Sequence[tuple[str, str, Sequence[Measure], bool]]) -> str:
    """Columns day by day, side by side for each series; the last one says its number.

    Args:
        title: What is shown.
        series: Name, color, the measures of each day, and whether their share is shown in place of their number.
    """
    drawn = [label(_EDGE, 24, title, weight=600)]
    days = sorted({measure.day for _, _, measures, _ in series for measure in measures})
    if not days:
        return "".join([*drawn, label(_EDGE, _HEAD + 20, "nothing measured yet", color=PALE)])
    figures = [
        {measure.day: (measure.share or 0.0) if is_share else float(measure.value) for measure in measures}
        for _, _, measures, is_share in series
    ]
    most = max(max(each.values(), default=0.0) for each in figures)
    bottom, room = _HIGH - _FOOT - 8, _HIGH - _HEAD - _FOOT - 8
    slot = min((_WIDE - 2 * _EDGE) / len(days), 48.0)
    wide = max(slot * 0.8 / len(series), 1.0)
    drawn.append(box(_EDGE, bottom, _WIDE - 2 * _EDGE, 1, LINE))
    told = []
    for place, ((name, color, _, is_share), found) in enumerate(zip(series, figures, strict=True)):
        for number, day in enumerate(days):
            height = max(found.get(day, 0.0) * (room - 12) / most, 1.5) if found.get(day) else 0.0
            drawn.append(box(_EDGE + number * slot + place * wide, bottom - height, wide - 0.5, height, color))
        last = found.get(days[-1], 0.0)
        told.append((f"{name} {f'{last:.2%}' if is_share else f'{last:,.0f}'}".strip(), color))
    right = float(_WIDE - _EDGE)
    for text, color in reversed(told):
        drawn.append(label(right, 24, text, anchor="end", color=color, weight=600))
        right -= 7.5 * len(text) + 10
    drawn.append(label(_EDGE, _HIGH - 12, _day(days[0]), color=PALE))
    if len(days) > 1:
        end = max(_EDGE + len(days) * slot, _EDGE + 150)
        drawn.append(label(end, _HIGH - 12, _day(days[-1]), anchor="end", color=PALE))
    return "".join(drawn)


def _day(day: date) -> str:
    return day.isoformat()
