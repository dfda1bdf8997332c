"""The one HTTP client of the engine: paced, retried, and careful about what may have reached the vendor.

No message raised here holds a query, a body or an identifier: vendors echo personal data, and messages are logged.
"""

from __future__ import annotations

import json as jsonlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from reverse_etl.answers import Action, Classify, Response, Verdict, broken, by_status
from reverse_etl.destinations.base import Limits
from reverse_etl.errors import AmbiguousCall, DestinationDown, DestinationRefused
from reverse_etl.pace import Pacer, pause_when_spent, retry_after

CONNECT_TIMEOUT = 10.0  #: seconds
READ_TIMEOUT = 60.0  #: seconds without a byte; bulk calls of 5 MB are answered within a few
ATTEMPTS = 6
LONGEST_WAIT = 120.0  #: seconds; a vendor that asks for more is asked again after this, ``ATTEMPTS`` times in all

_TOLD = {
    Action.RETRY: "Nothing of the last call was taken; the next run sends it again.",
    Action.UNSURE: "The last call may have been taken; the next run settles it.",
}


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

    @property
    def where(self) -> str:
        return f"{self.method} {self.path}"


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
    ) -> Response:
        """Make a call, repeat it as far as that is safe, and return an answer that the destination has to read.

        Args:
            method: HTTP method.
            path: Below ``base_url``. Messages show it, so it never holds an identifier of a person.
            json: The body.
            params: The query.
            idempotent: Whether the call may be repeated when it is not known if it was taken.
            bucket: The rate budget that it counts against.
            pace: The pace of that budget, the first time that it is named.
            classify: What an answer means, where the vendor says more than the status does.

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
        try:
            return retrying(self._attempt, call)
        except _TryAgainError as last:
            verdict = last.verdict
        kind = AmbiguousCall if call.maybe_taken else DestinationDown
        raise kind(
            f"The destination did not do its work: {verdict.reason} ({verdict.code}).",
            where=call.where,
            fix=_TOLD[Action.UNSURE if call.maybe_taken else Action.RETRY],
        )

    def _attempt(self, call: _Call) -> Response:
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
                where=call.where,
                fix=verdict.fix,
            )
        call.maybe_taken = call.maybe_taken or verdict.action is Action.UNSURE
        if verdict.action is Action.UNSURE and not call.idempotent:
            raise AmbiguousCall(
                f"It is not known whether the destination took the call: {verdict.reason} ({verdict.code}).",
                where=call.where,
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
                auth=_as_it_is,
                **{**call.options, "headers": {**self.headers, **call.options["headers"]}},
            )
        except requests.exceptions.RequestException as error:
            return broken(error), None
        readable, data = _parse(raw.content)
        response = Response(raw.status_code, raw.headers, data)
        if not readable and 200 <= raw.status_code < 300:
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


def _as_it_is(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep the Authorization header: without an ``auth`` of our own, requests would replace it from ~/.netrc."""
    return prepared


# Dates are passed on to `str`, as the slow way below writes them.
_FAST = orjson.OPT_PASSTHROUGH_DATETIME


def encode(body: Any) -> bytes:
    """Return the bytes that a body takes on the wire; batches are measured with the same function."""
    try:
        return orjson.dumps(body, default=str, option=_FAST)
    except orjson.JSONEncodeError:
        # Whole numbers beyond 64 bits, keys that are not text, halves of a character: rare, and written all the same.
        return jsonlib.dumps(body, separators=(",", ":"), default=str).encode()


def _parse(content: bytes) -> tuple[bool, Any]:
    """Return whether the body is JSON or empty, and what it holds."""
    if not content.strip():
        return True, None
    try:
        return True, orjson.loads(content)
    except orjson.JSONDecodeError:
        return _parse_slowly(content)


def _parse_slowly(content: bytes) -> tuple[bool, Any]:
    """Read what the fast parser is too strict for: a byte order mark, halves of a character, NaN."""
    try:
        return True, jsonlib.loads(content)
    except ValueError:
        return False, None
