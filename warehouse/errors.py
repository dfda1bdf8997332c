"""The one error tree of weft.

Every message says what went wrong, where, and what to do next, and never holds a secret, an identifier of a person or a
response body: messages end up in logs, in Dagster and in tickets.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import Path

_STEPS = 8  #: how many of the calls that led to an error are named


class WeftError(Exception):
    """Root of everything that weft raises on purpose.

    Args:
        what: What went wrong, as one sentence.
        where: The file and field, the table and column, or the connection concerned.
        fix: What the reader should do next.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.fix:
            lines.append(f"  fix:   {self.fix}")
        return "\n".join(lines)


class ConfigError(WeftError):
    """Something that the user wrote, or did not set, is wrong. Raised before anything is sent or changed."""

    exit_code = 2


class WarehouseError(WeftError):
    """The warehouse could not be reached or refused a statement."""

    exit_code = 2


class UnexpectedError(WeftError):
    """An error that nobody foresaw: its kind, and the way to where it happened, without a message.

    The messages of other libraries, and of Python itself, quote the values that they stumbled over.

    Args:
        error: What was raised.
        doing: What was being done, to begin the sentence with.
    """

    def __init__(self, error: BaseException, doing: str = "This") -> None:
        steps = [
            f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)[-_STEPS:]
        ]
        super().__init__(
            f"{doing} ended in an error that nobody foresaw: {' after '.join(_kinds(error))}.",
            where=" > ".join(steps),
            fix="report it with these lines; the error's own words are left out, because they may quote people's data",
        )


def raise_all(problems: Sequence[ConfigError], in_words: str) -> None:
    """Raise everything that is wrong as one error, or the one thing as it is; return where nothing is.

    Args:
        problems: What is wrong.
        in_words: What there are so many of, to begin the message with: ``things are wrong with the syncs``.

    Raises:
        ConfigError: There is a problem.
    """
    if len(problems) == 1:
        raise problems[0]
    if problems:
        listed = "\n".join("- " + str(problem).replace("\n", "\n  ") for problem in problems)
        raise ConfigError(f"{len(problems)} {in_words}:\n{listed}")


def _kinds(error: BaseException) -> list[str]:
    """Return the names of an error and of those that led to it, the last one first."""
    kinds: list[str] = []
    following: BaseException | None = error
    while following is not None and len(kinds) < _STEPS:
        kinds.append(type(following).__name__)
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)
    return kinds
