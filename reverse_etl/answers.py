"""What an answer of a vendor, or the lack of one, means for the call: two tables, by status and by kind of break."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import requests
import urllib3.exceptions


@dataclass(frozen=True, slots=True)
class Response:
    """An answer that the destination has to read.

    Attributes:
        status: HTTP status.
        headers: Looked up without regard to case.
        data: The parsed JSON body, or ``None`` where there is none; the text where the call reads text.
    """

    status: int
    headers: Mapping[str, str]
    data: Any = None

    def json(self) -> Any:
        """Return the parsed body; ``None`` where there is none."""
        return self.data

    @property
    def body(self) -> dict[str, Any]:
        """The body as an object; empty where it is anything else."""
        return self.data if isinstance(self.data, dict) else {}


class Action(StrEnum):
    """What the client does about an answer."""

    ANSWER = "answer"  #: hand it to the destination, which knows what it means
    RETRY = "retry"  #: the vendor did nothing: the call may be repeated, whatever it was
    UNSURE = "unsure"  #: the vendor may have done it: repeat only a call that does no harm twice
    REFUSE = "refuse"  #: nothing will work until a person changes something


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do about one answer.

    Attributes:
        action: What to do.
        code: The vendor's short code or the HTTP status.
        reason: Our own words for it, as the end of a sentence.
        fix: What a person should do about a refusal.
        wait: Seconds that the vendor asks to wait before the next attempt, where it says.
        throttled: Whether the answer was "too many calls".
        expired: Whether the credentials were refused, so that renewed ones may do.
    """

    action: Action
    code: str = ""
    reason: str = ""
    fix: str = "Check the connection's address, credentials and their permissions, then run again."
    wait: float | None = None
    throttled: bool = False
    expired: bool = False


#: What each status means; statuses that are not listed go by their hundred.
STATUS_VERDICTS: Mapping[int, Verdict] = {
    401: Verdict(Action.REFUSE, reason="the credentials were not accepted", expired=True),
    402: Verdict(Action.REFUSE, reason="the account's plan or bill does not allow the call"),
    403: Verdict(Action.REFUSE, reason="the credentials do not allow the call"),
    408: Verdict(Action.UNSURE, reason="the request timed out at the vendor"),
    425: Verdict(Action.RETRY, reason="the vendor asks to come back later"),
    429: Verdict(Action.RETRY, reason="the rate limit is spent", throttled=True),
    503: Verdict(Action.RETRY, reason="the service is unavailable"),
}
HUNDRED_VERDICTS: Mapping[int, Verdict] = {
    2: Verdict(Action.ANSWER),
    3: Verdict(Action.REFUSE, reason="the address redirects elsewhere, and credentials are not sent on"),
    4: Verdict(Action.ANSWER),
    5: Verdict(Action.UNSURE, reason="the server failed"),
}

Classify = Callable[[Response], Verdict]


def by_status(response: Response) -> Verdict:
    """Judge an answer by its status alone."""
    verdict = STATUS_VERDICTS.get(response.status) or HUNDRED_VERDICTS.get(response.status // 100, HUNDRED_VERDICTS[5])
    return replace(verdict, code=str(response.status))


#: What a broken exchange means, most particular first. Only a connection that was never made proves nothing was sent.
_BREAKS: tuple[tuple[type[Exception], Verdict], ...] = (
    (requests.exceptions.InvalidURL, Verdict(Action.REFUSE, "address", "its address is not a valid one")),
    (requests.exceptions.ProxyError, Verdict(Action.RETRY, "proxy", "the proxy could not be reached")),
    (requests.exceptions.ConnectTimeout, Verdict(Action.RETRY, "connect", "the connection timed out")),
    (requests.exceptions.Timeout, Verdict(Action.UNSURE, "timeout", "it did not answer in time")),
)


def broken(error: requests.exceptions.RequestException) -> Verdict:
    """Judge an exchange that broke before there was an answer."""
    if isinstance(error, requests.exceptions.SSLError) and "certificate" in repr(error).lower():
        return Verdict(Action.REFUSE, "certificate", "its certificate could not be verified")
    for kind, verdict in _BREAKS:
        if isinstance(error, kind):
            return verdict
    cause = error.args[0] if error.args else None
    if isinstance(cause, urllib3.exceptions.MaxRetryError):
        cause = cause.reason
    if isinstance(cause, urllib3.exceptions.NewConnectionError):
        return Verdict(Action.RETRY, "connect", "no connection could be made")
    return Verdict(Action.UNSURE, "reset", "the connection broke")
