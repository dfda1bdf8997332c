"""Pictures of the customers: the RFM grid, and the stages of their lives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assets.svg import AMBER, BLUE, PALE, RED, box, field, label, page

Rows = Sequence[Mapping[str, Any]]

STAGES = {"none": PALE, "new": "#3a9d6e", "active": BLUE, "returned": "#8d5bd1", "lapsing": AMBER, "lost": RED}
_SCORES = (1, 2, 3, 4, 5)
_EDGE, _HEAD, _WIDE, _HIGH = 16, 44, 128, 56


def rfm(rows: Rows) -> str:
    """Draw the grid of recency against frequency and money, each field with its name, darker the more people it has."""
    counted = {(int(row["recency_score"]), int(row["value_score"])): row for row in rows}
    whole = sum(int(row["people"]) for row in rows) or 1
    most = max((int(row["people"]) for row in rows), default=0) or 1
    left = 90
    drawn = [label(_EDGE, 26, "Customers by how lately they bought, and how often and for how much", weight=600)]
    for place, value in enumerate(reversed(_SCORES)):
        top = _HEAD + place * _HIGH
        drawn.append(label(left - 10, top + _HIGH / 2 + 4, f"value {value}", anchor="end", color=PALE))
        for column, recency in enumerate(_SCORES):
            row = counted.get((recency, value))
            people = int(row["people"]) if row else 0
            texts = [str(row["rfm_name"]).replace("_", " "), f"{people:,} ({people / whole:.1%})"] if row else []
            drawn.append(field(left + column * _WIDE, top, _WIDE, _HIGH, people / most, texts))
    bottom = _HEAD + len(_SCORES) * _HIGH
    for column, recency in enumerate(_SCORES):
        drawn.append(
            label(left + (column + 0.5) * _WIDE, bottom + 18, f"recency {recency}", anchor="middle", color=PALE)
        )
    return page(left + len(_SCORES) * _WIDE + _EDGE, bottom + 30, drawn)


def lifecycle(rows: Rows) -> str:
    """Draw how many people are in each stage."""
    counted = {str(row["stage"]): int(row["people"]) for row in rows}
    whole, most = sum(counted.values()) or 1, max(counted.values(), default=0) or 1
    drawn = [label(_EDGE, 26, "People by stage of their life as customers", weight=600)]
    for place, (stage, color) in enumerate(STAGES.items()):
        people, top = counted.get(stage, 0), _HEAD + place * 30
        length = max(340 * people / most, 2 if people else 0)
        drawn.append(label(_EDGE + 74, top + 16, stage, anchor="end", color=PALE))
        drawn.append(box(_EDGE + 84, top + 3, length, 18, color))
        drawn.append(label(_EDGE + 92 + length, top + 16, f"{people:,} ({people / whole:.1%})"))
    return page(580, _HEAD + len(STAGES) * 30 + _EDGE, drawn)
