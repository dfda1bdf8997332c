"""The vocabulary that the engine and the destinations share: a row to send, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple


class Op(StrEnum):
    """What a row asks of the destination."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"
    MERGE = "merge"  #: fold its record into that of the person it was merged into


class Outcome(StrEnum):
    """What became of a row; the failure classes of the ledger."""

    APPLIED = "applied"  #: the destination said that it holds the row (or no longer holds it)
    ACCEPTED = "accepted"  #: taken into an asynchronous job whose result is still open
    PERMANENT = "permanent"  #: this row will be refused again as it is: quarantined until it changes
    TRANSIENT = "transient"  #: not the row's fault: tried again, in this run or the next
    AMBIGUOUS = "ambiguous"  #: the connection broke after sending: it may or may not have arrived
    INFO = "info"  #: declined for now without a fault, such as a removal from a too small audience


class Row(NamedTuple):
    """One row of a plan.

    Attributes:
        key: The feed's key column as text.
        op: What to do with it.
        payload: Column to value, every column of the feed but ``profile_id``. For a removal or a merge, what was last
            applied; at least the key.
        changed: For a change, the columns whose value differs from what was last applied. For an addition, columns that
            may differ from what an earlier call without an answer left there. Else empty.
        destination_id: The destination's own id of this record, where an earlier run learned it.
        into: For a merge, the key of the record that stays.
        into_id: The destination's own id of that one, where it is known.
    """

    key: str
    op: Op
    payload: Mapping[str, Any]
    changed: frozenset[str] = frozenset()
    destination_id: str | None = None
    into: str | None = None
    into_id: str | None = None


class RowResult(NamedTuple):
    """What the destination said of one row.

    Attributes:
        key: The row's key.
        outcome: The failure class.
        code: The vendor's short code or the HTTP status, never a message of theirs (they echo personal data).
        reason: Our own words for that code.
        job_id: The asynchronous job that holds the row, when the outcome is ``ACCEPTED``.
        destination_id: The destination's own id of the record, when it told.
    """

    key: str
    outcome: Outcome
    code: str = ""
    reason: str = ""
    job_id: str | None = None
    destination_id: str | None = None


def same_result(rows: Sequence[Row], outcome: Outcome, code: str = "", reason: str = "") -> list[RowResult]:
    """Return the same result for every row of a batch."""
    return [RowResult(row.key, outcome, code, reason) for row in rows]
