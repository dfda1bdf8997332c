"""The one error tree of weft.

Every message says what went wrong, where, and what to do next, and never holds a secret, an identifier of a person or a
response body: messages end up in logs, in Dagster and in tickets.
"""

from __future__ import annotations


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
