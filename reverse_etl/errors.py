"""Errors of the sync engine, grouped by what the engine does about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warehouse.errors import ConfigError, WeftError

if TYPE_CHECKING:
    from reverse_etl.report import GuardResult

__all__ = [
    "AmbiguousCall",
    "BatchRefused",
    "ConfigError",
    "DestinationDown",
    "DestinationRefused",
    "FeedError",
    "GuardTripped",
    "LeaseHeld",
    "LeaseLost",
    "PlanMoved",
]


class FeedError(ConfigError):
    """A feed cannot be synced as it stands: a null or duplicate key, or a column that is missing or unknown."""


class GuardTripped(WeftError):
    """A guard stopped the run. Nothing is wrong with the code: a person has to decide.

    Nothing was sent but the removals that people asked for.

    Args:
        what: What tripped, its limit, and the plan's figure.
        where: The exposure.
        fix: How to let it pass once.
        guards: Those that stopped the run.
    """

    exit_code = 3

    def __init__(self, what: str, *, where: str = "", fix: str = "", guards: tuple[GuardResult, ...] = ()) -> None:
        super().__init__(what, where=where, fix=fix)
        self.guards = guards


class LeaseHeld(WeftError):
    """Another run of the sync is under way, on this machine or on another; nothing was done."""

    exit_code = 4


class LeaseLost(LeaseHeld):
    """Another run took over, because this one did not renew its lease in time; what it had not committed is undone."""


class PlanMoved(WeftError):
    """A sealed plan was to be applied, and the plan of now is another one. Nothing was sent."""

    exit_code = 3


class DestinationRefused(WeftError):
    """The destination refused the whole account or object: bad credentials, no such list, a flagged audience.

    Sending on is pointless; the run stops, and what was not sent is planned again by the next run.
    """


class DestinationDown(WeftError):
    """The destination could not be reached, or kept answering with server errors, until the retries ran out."""


class AmbiguousCall(DestinationDown):
    """The connection broke, or the server failed, after the call was sent: it may or may not have been taken.

    A kind of :class:`DestinationDown`, because the run cannot go on either way. What differs is the rows' outcome:
    ambiguous instead of transient.
    """


class BatchRefused(WeftError):
    """The vendor refused a batch as a whole (400, 413, 422); the engine halves it until the bad row stands alone.

    Args:
        code: The vendor's short code or the HTTP status.
        reason: Our own words for it.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{reason} ({code})")
        self.code = code
        self.reason = reason
