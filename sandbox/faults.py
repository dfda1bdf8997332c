"""Faults that a test switches on, to see what a client does about them."""

from __future__ import annotations

import re
import threading
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What can go wrong."""

    RATE_LIMITED = "rate_limited"  #: the vendor's rate limit answer; ``retry_after`` says in which form
    SERVER_ERROR = "server_error"  #: ``status`` (default 500) with a body that is not the vendor's
    REFUSE_CALL = "refuse_call"  #: ``status`` (default 400) in the vendor's shape, nothing applied
    BAD_AUTH = "bad_auth"  #: credentials that used to work are refused
    DROP_BEFORE = "drop_before"  #: the connection breaks and nothing was applied
    DROP_AFTER = "drop_after"  #: the connection breaks although everything was applied
    DELAY = "delay"  #: the answer takes ``seconds`` longer
    TRUNCATE = "truncate"  #: applied, but the body ends half-way
    INVALID_JSON = "invalid_json"  #: applied, but the body is not JSON
    REFUSE_ROWS = "refuse_rows"  #: rows that hold ``match`` are refused one by one, as the vendor reports them
    JOB_STUCK = "job_stuck"  #: a new job stays as it is until the faults are cleared
    JOB_FAILED = "job_failed"  #: a new job is cancelled without doing anything
    AUDIENCE_FLAGGED = "audience_flagged"  #: operation_status 471: reads work, updates are refused
    AUDIENCE_TOO_SMALL = "audience_too_small"  #: removals are refused


LASTING = {Kind.REFUSE_ROWS, Kind.AUDIENCE_FLAGGED, Kind.AUDIENCE_TOO_SMALL, Kind.BAD_AUTH}


@dataclass(slots=True)
class Fault:
    """One fault.

    Attributes:
        kind: What goes wrong.
        account: ``klaviyo``, ``hubspot``, ``meta``, or ``*`` for all.
        times: How many calls (or jobs) it hits; ``None`` until cleared. The default is one, except for rows,
            audiences and credentials, where it is until cleared.
        method: Only calls with this method.
        path: Only calls whose path this regular expression finds.
        match: Only calls whose body, or only rows whose JSON, this regular expression finds.
        status: HTTP status of a server error or a refusal.
        retry_after: Form of Retry-After: ``seconds``, ``date``, ``none`` or any other text, sent as it is.
        seconds: Length of a delay, or of Retry-After.
        skip: Let so many matching calls pass first.
    """

    kind: Kind
    account: str = "*"
    times: int | None = 1
    method: str = ""
    path: str = ""
    match: str = ""
    status: int = 0
    retry_after: str = "seconds"
    seconds: float = 1.0
    skip: int = 0

    @classmethod
    def parse(cls, raw: dict[str, Any]) -> Fault:
        """Build a fault from JSON.

        Raises:
            ValueError: For an unknown field or kind, with what is possible.
        """
        fields = set(cls.__slots__)
        unknown = set(raw) - fields
        if unknown or "kind" not in raw:
            raise ValueError(f"a fault has the fields {', '.join(sorted(fields))}; kind is required")
        if raw["kind"] not in list(Kind):
            raise ValueError(f"kind is one of {', '.join(Kind)}")
        kind = Kind(raw["kind"])
        return cls(**{"times": None if kind in LASTING else 1, **raw, "kind": kind})


class Faults:
    """The faults that are switched on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Switch a fault on."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Switch all faults off."""
        with self._lock:
            self._faults.clear()

    def list(self) -> list[dict[str, Any]]:
        """Return what is switched on."""
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    def take(self, account: str, *kinds: Kind, method: str = "", path: str = "", text: str = "") -> Fault | None:
        """Return the first fault that hits, and count it."""
        with self._lock:
            for fault in self._faults:
                if not self._hits(fault, account, kinds, method, path, text):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                return fault
        return None

    @staticmethod
    def _hits(fault: Fault, account: str, kinds: tuple[Kind, ...], method: str, path: str, text: str) -> bool:
        return (
            fault.kind in kinds
            and fault.account in ("*", account)
            and (not fault.method or fault.method.upper() == method)
            and (not fault.path or re.search(fault.path, path) is not None)
            and (not fault.match or re.search(fault.match, text) is not None)
        )
