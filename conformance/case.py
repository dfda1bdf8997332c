"""One object of one destination, described so that the suite can exercise it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from reverse_etl.destinations.base import Mode, Settings
from sandbox.server import Running

Values: TypeAlias = Mapping[str, Any]


class Stage(NamedTuple):
    """Where a case is played.

    Attributes:
        sandbox: Serves the simulated accounts.
        folder: An empty folder, for destinations that are not reached over HTTP.
    """

    sandbox: Running
    folder: Path


def as_text(row: Values) -> tuple[str, dict[str, str]]:
    """Return what is expected of a row where the destination keeps it as it is: its values as text, by column."""
    key = str(next(iter(row.values())))
    return key, {column: str(value) for column, value in row.items() if value is not None}


@dataclass(frozen=True)
class Case:
    """One object of one destination.

    Attributes:
        destination: The destination's name.
        object: Which of its objects.
        settings: Returns the connection's settings for a stage.
        row: Returns the feed's row of the n-th person, from 0: column to value, the key first. Every row has every
            column, and the vendor takes it.
        held: Returns what the account holds by now, as the simulator (or the place) has it: the row's name there to
            its values, both as ``expected`` tells them.
        expected: Returns what ``held`` should have of a row: its name and its values. Where the destination hashes,
            it hashes by itself, not with the destination's own code.
        target: The list or audience, where the object needs one.
        mode: How the suite keeps it in step.
        filler: A column of text that may be long, to reach the limit of bytes; none where rows cannot grow.
        filler_length: How many characters that column takes.
        text: A column of text that takes any letters, to see whether they arrive.
        clears: A column that the policies for empty values are tried on; none where no field can be emptied.
        refused: What makes a row one that the vendor itself refuses: columns and values; none where it refuses none.
        refuses: For a vendor that refuses no row by what is in it: returns a text that only this row has as it is
            sent, by which the simulator is told to refuse it.
        unknown: A column that the destination does not have, where it lets that be known before the first batch.
        missing_target: A target that does not exist, where that is known before the first batch.
        columns: Policies of columns, as a sync gives them.
    """

    destination: str
    object: str
    settings: Callable[[Stage], Settings]
    row: Callable[[int], dict[str, Any]]
    held: Callable[[Stage], Mapping[str, Values]]
    expected: Callable[[Values], tuple[str, Values]] = as_text
    target: str | None = None
    mode: Mode = Mode.MIRROR
    filler: str | None = None
    filler_length: int = 20_000
    text: str | None = None
    clears: str | None = None
    refused: Values | None = None
    refuses: Callable[[Values], str] | None = None
    unknown: str | None = None
    missing_target: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the name that a test shows."""
        return f"{self.destination}.{self.object}"
