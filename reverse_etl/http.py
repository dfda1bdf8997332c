"""The one HTTP client of the engine: paced, retried, and careful about what may have reached the vendor.

No message raised here holds a query, a body or an identifier: vendors echo personal data, and messages are logged.
"""

from __future__ import annotations

import json as jsonlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import requests
import urllib3.exceptions
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from reverse_etl.destinations.base import Limits
from reverse_etl.errors import AmbiguousCall, DestinationDown, DestinationRefused
from reverse_etl.pace import Pacer, pause_when_spent, retry_after

CONNECT_TIMEOUT = 10.0  #: seconds
READ_TIMEOUT = 60.0  #: seconds without a byte; bulk calls of 5 MB are answered within a few
ATTEMPTS = 6
LONGEST_WAIT = 120.0  #: seconds; a vendor that asks for more is asked again after this, ``ATTEMPTS`` times in all


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
    """

    action: Action
    code: str = ""
    reason: str = ""
    fix: str = "Check the connection's address, credentials and their permissions, then run again."
    wait: float | None = None


#: What each status means; statuses that are not listed go by their hundred.
STATUS_VERDICTS: Mapping[int, Verdict] = {
    401: Verdict(Action.REFUSE, "401", "the credentials were not accepted"),
    402: Verdict(Action.REFUSE, "402", "the account's plan or bill does not allow the call"),
    403: Verdict(Action.REFUSE, "403", "the credentials do not allow the call"),
    408: Verdict(Action.UNSURE, "408", "the request timed out at the vendor"),
    425: Verdict(Action.RETRY, "425", "the vendor asks to come back later"),
    429: Verdict(Action.RETRY, "429", "the rate limit is spent"),
    503: Verdict(Action.RETRY, "503", "the service is unavailable"),
}
HUNDRED_VERDICTS: Mapping[int, Verdict] = {
    2: Verdict(Action.ANSWER),
    3: Verdict(Action.REFUSE, "redirect", "the address redirects elsewhere, and credentials are not sent on"),
    4: Verdict(Action.ANSWER),
    5: Verdict(Action.UNSURE, "5xx", "the server failed"),
}

_TOLD = {
    Action.RETRY: "Nothing of the last call was taken; the next run sends it again.",
    Action.UNSURE: "The last call may have been taken; the next run settles it.",
}


@dataclass(frozen=True, slots=True)
class Response:
    """An answer that the destination has to read.

    Attributes:
        status: HTTP status.
        headers: Looked up without regard to case.
        data: The parsed JSON body, or ``None`` where there is none.
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


Classify = Callable[[Response], Verdict]


def by_status(response: Response) -> Verdict:
    """Judge an answer by its status alone."""
    verdict = STATUS_VERDICTS.get(response.status)
    return verdict or HUNDRED_VERDICTS.get(response.status // 100, HUNDRED_VERDICTS[5])


class _TryAgainError(Exception):
    """One attempt failed in a way that another may not."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.code)
        self.verdict = verdict


@dataclass(slots=True)
class _Call:
    """One call over all its attempts."""

    method: str
    path: str
    idempotent: bool
    classify: Classify
    pacer: Pacer
    options: dict[str, Any]
    maybe_taken: bool = False


@dataclass(slots=True)
class HttpClient:
    """Calls one vendor within one rate budget per bucket.

    Args:
        base_url: Where paths start.
        headers: Sent with every call.
        limits: Pace of the buckets that a call does not name a pace for.
        session: A requests session, for tests.
        sleep: Waits that many seconds, for tests.
        clock: Seconds that only go up, for tests.
        connect_timeout: Seconds to wait for a connection.
        read_timeout: Seconds to wait for the next byte of the answer.
        attempts: Calls made for one request, the first included.

    Attributes:
        calls: API calls made so far, retries included.
    """

    base_url: str
    headers: Mapping[str, str] = field(repr=False)
    limits: Limits | None = None
    session: requests.Session = field(default_factory=requests.Session, repr=False)
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    connect_timeout: float = CONNECT_TIMEOUT
    read_timeout: float = READ_TIMEOUT
    attempts: int = ATTEMPTS
    calls: int = 0
    _pacers: dict[str, Pacer] = field(default_factory=dict, repr=False)

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        idempotent: bool,
        bucket: str = "default",
        pace: Limits | None = None,
        classify: Classify = by_status,
        label: str | None = None,
    ) -> Response:
        """Make a call, repeat it as far as that is safe, and return an answer that the destination has to read.

        Args:
            method: HTTP method.
            path: Below ``base_url``.
            json: The body.
            params: The query.
            idempotent: Whether the call may be repeated when it is not known if it was taken.
            bucket: The rate budget that it counts against.
            pace: The pace of that budget, the first time that it is named.
            classify: What an answer means, where the vendor says more than the status does.
            label: What messages call the path, where the path itself holds an identifier of a person.

        Raises:
            DestinationRefused: The credentials, the account or the address will not work until a person acts.
            DestinationDown: The attempts ran out, and the vendor took nothing.
            AmbiguousCall: The attempts ran out, or the call may not be repeated, and the vendor may have taken it.
        """
        options: dict[str, Any] = {"params": params, "headers": {}}
        if json is not None:
            options["data"] = encode(json)
            if "content-type" not in {name.lower() for name in self.headers}:
                options["headers"]["Content-Type"] = "application/json"
        call = _Call(method, path, idempotent, classify, self._pacer(bucket, pace), options)
        retrying = Retrying(
            retry=retry_if_exception_type(_TryAgainError),
            stop=stop_after_attempt(self.attempts),
            wait=self._wait,
            sleep=self.sleep,
            reraise=True,
        )
        where = f"{method} {label or path}"
        try:
            return retrying(self._attempt, call, where)
        except _TryAgainError as last:
            verdict = last.verdict
        kind = AmbiguousCall if call.maybe_taken else DestinationDown
        raise kind(
            f"The destination did not do its work: {verdict.reason}.",
            where=where,
            fix=_TOLD[Action.UNSURE if call.maybe_taken else Action.RETRY],
        )

    def _attempt(self, call: _Call, where: str) -> Response:
        """Make the call once."""
        wait = call.pacer.reserve()
        if wait > 0:
            self.sleep(wait)
        self.calls += 1
        verdict, response = self._exchange(call)
        if response is not None:
            call.pacer.close(pause_when_spent(response.headers, most=LONGEST_WAIT))
        if verdict.action is Action.ANSWER and response is not None:
            return response
        if verdict.action is Action.REFUSE:
            raise DestinationRefused(
                f"The destination refused the call: {verdict.reason} ({verdict.code}).",
                where=where,
                fix=verdict.fix,
            )
        call.maybe_taken = call.maybe_taken or verdict.action is Action.UNSURE
        if verdict.action is Action.UNSURE and not call.idempotent:
            raise AmbiguousCall(
                f"It is not known whether the destination took the call: {verdict.reason}.",
                where=where,
                fix="The call is not repeated by itself; the next run verifies what arrived.",
            )
        raise _TryAgainError(verdict)

    def _exchange(self, call: _Call) -> tuple[Verdict, Response | None]:
        """Send the call and judge what came back, or what broke."""
        try:
            raw = self.session.request(
                call.method,
                self.base_url.rstrip("/") + call.path,
                timeout=(self.connect_timeout, self.read_timeout),
                allow_redirects=False,
                **{**call.options, "headers": {**self.headers, **call.options["headers"]}},
            )
        except requests.exceptions.RequestException as error:
            return _broken(error), None
        readable, data = _parse(raw.content)
        response = Response(raw.status_code, raw.headers, data)
        if not readable and raw.ok:
            return Verdict(Action.UNSURE, "not_json", "the answer was cut off or was not JSON"), response
        verdict = call.classify(response)
        if verdict.wait is None and verdict.action in (Action.RETRY, Action.UNSURE):
            asked = retry_after(raw.headers, most=LONGEST_WAIT)
            verdict = replace(verdict, wait=asked)
        return verdict, response

    def _pacer(self, bucket: str, pace: Limits | None) -> Pacer:
        if bucket not in self._pacers:
            limits = pace or self.limits
            rate, burst = (limits.calls_per_second, limits.burst) if limits else (float("inf"), 1)
            self._pacers[bucket] = Pacer(rate, burst, self.clock)
        return self._pacers[bucket]

    @staticmethod
    def _wait(state: RetryCallState) -> float:
        """Wait what the vendor asked for, with a little jitter on top; else exponentially longer, at random."""
        backoff = wait_random_exponential(multiplier=0.5, max=30)(state)
        error = state.outcome.exception() if state.outcome else None
        asked = error.verdict.wait if isinstance(error, _TryAgainError) else None
        return backoff if asked is None else asked + min(backoff, 1.0)


def encode(body: Any) -> bytes:
    """Return the bytes that a body takes on the wire; batches are measured with the same function."""
    return jsonlib.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str).encode()


def _parse(content: bytes) -> tuple[bool, Any]:
    """Return whether the body is JSON or empty, and what it holds."""
    if not content.strip():
        return True, None
    try:
        return True, jsonlib.loads(content)
    except ValueError:
        return False, None


#: What a broken exchange means, most particular first. Only a connection that was never made proves nothing was sent.
_BREAKS: tuple[tuple[type[Exception], Verdict], ...] = (
    (requests.exceptions.SSLError, Verdict(Action.REFUSE, "tls", "its certificate could not be verified")),
    (requests.exceptions.InvalidURL, Verdict(Action.REFUSE, "address", "its address is not a valid one")),
    (requests.exceptions.ProxyError, Verdict(Action.RETRY, "proxy", "the proxy could not be reached")),
    (requests.exceptions.ConnectTimeout, Verdict(Action.RETRY, "connect", "the connection timed out")),
    (requests.exceptions.Timeout, Verdict(Action.UNSURE, "timeout", "it did not answer in time")),
)


def _broken(error: requests.exceptions.RequestException) -> Verdict:
    for kind, verdict in _BREAKS:
        if isinstance(error, kind):
            return verdict
    cause = error.args[0] if error.args else None
    if isinstance(cause, urllib3.exceptions.MaxRetryError):
        cause = cause.reason
    if isinstance(cause, urllib3.exceptions.NewConnectionError):
        return Verdict(Action.RETRY, "connect", "no connection could be made")
    return Verdict(Action.UNSURE, "reset", "the connection broke")
