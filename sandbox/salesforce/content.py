"""The content of a job: CSV to the letter, and what is said of content that is not."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

from sandbox.salesforce.schema import Thing

MAX_FIELD = 131_072
_QUOTED = re.compile(r'(?:"(?:[^"]|"")*"|[^",\n\r]*)(?:,|\r?\n|$)')


def parse(content: str, ending: str) -> list[list[str]] | str:
    """Return the lines of a job's content, the header first, or what is wrong with it."""
    if ending == "LF" and "\r\n" in re.sub(r'"(?:[^"]|"")*"', "", content):
        return "LineEnding is invalid on user data. Current LineEnding setting is LF"
    place = 0
    while '"' in content and place < len(content):
        match = _QUOTED.match(content, place)
        if match is None or match.end() == place:
            return "Failed to parse CSV header" if "\n" not in content[:place] else "Failed to parse CSV row"
        place = match.end()
    lines = list(csv.reader(StringIO(content, newline="")))
    if not lines or not all(lines[0]):
        return "Failed to parse CSV header. Header is missing"
    if any(len(line) != len(lines[0]) for line in lines):
        return "The number of fields in a row is not that of the header"
    if any(len(cell) > MAX_FIELD for line in lines for cell in line):
        return "A field is longer than 131,072 characters"
    return lines


def wrong_header(thing: Thing, header: Sequence[str]) -> str | None:
    """Return what is wrong with the fields that a header names."""
    names = [name.lower() for name in header]
    unknown = [name for name in header if name.lower() not in thing.fields]
    if unknown:
        return f"Field name not found : {unknown[0]}"
    double = [name for name in header if names.count(name.lower()) > 1]
    return f"Duplicate field name : {double[0]}" if double else None


def sf_error(error: Mapping[str, Any]) -> str:
    """Return an error as the column ``sf__Error`` has it."""
    return f"{error['statusCode']}:{error['message']}:{', '.join(error['fields'])} --"
