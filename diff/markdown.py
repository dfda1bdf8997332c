"""A report as Markdown, for a pull request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diff import words
from diff.report import Report

_MARK = "<!-- weft diff -->"  #: by which a later comment finds the one that it takes the place of
_MOST = 60_000  #: characters; GitHub takes 65,536 in one comment


def render(report: Report) -> str:
    """Return the report; GitHub shows it as tables."""
    parts = [_MARK, "## What this change would do", words.headline(report) + ".", words.models(report)]
    if report.segments:
        parts += ["### Segments", _table(words.SEGMENTS, words.segment_rows(report))]
    if traits := words.trait_rows(report):
        parts += ["<details><summary>How those who move differ</summary>", _table(words.TRAITS, traits), "</details>"]
    if report.syncs:
        parts += [
            "### Syncs: what the next run would send",
            _table(words.SYNCS, words.sync_rows(report)),
        ]
    if remarks := words.remarks(report):
        parts.append("\n".join(f"- {_escaped(remark)}" for remark in remarks))
    text = "\n\n".join(parts) + "\n"
    return text if len(text) <= _MOST else text[:_MOST].rsplit("\n", 1)[0] + "\n\n(cut: too long for a comment)\n"


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    numeric = [all(isinstance(row[number], int | float | None) for row in rows) for number in range(len(columns))]
    lines = [
        "| " + " | ".join(columns) + " |",
        "|" + "|".join("---:" if is_number else "---" for is_number in numeric) + "|",
    ]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return _escaped(f"{value:,}" if isinstance(value, int | float) else str(value))


def _escaped(text: str) -> str:
    """Return a text in which nothing is Markdown or HTML but what it says."""
    for sign in "\\`*_|<[":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
