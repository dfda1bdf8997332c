"""The one HTTP client of the engine: paced, retried, and careful about what may have reached the vendor.

No message raised here holds a query, a body or an identifier: vendors echo personal data, and messages are logged.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import requests
from requests.structures import CaseInsensitiveDict
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from reverse_etl.account import uptime
from reverse_etl.answers import Action, Classify, Response, Verdict, broken, by_status
from reverse_etl.auth.credentials import Credentials, Fixed
from reverse_etl.breaker import Breaker
from reverse_etl.bucket import LONGEST_PAUSE
from reverse_etl.budget import Budget
from reverse_etl.destinations.base import Limits
from reverse_etl.discreet import as_it_is, without_query
from reverse_etl.errors import AmbiguousCall, DestinationDown, DestinationRefused
from reverse_etl.headers import read
from reverse_etl.wire import encode as encode
from reverse_etl.wire import parse

CONNECT_TIMEOUT = 10.0  #: seconds
READ_TIMEOUT = 60.0  #: seconds without a byte; bulk calls of 5 MB are answered within a few
ATTEMPTS = 6
LONGEST_WAIT = LONGEST_PAUSE  #: seconds; a vendor that asks for more is asked again then, ``ATTEMPTS`` times in all

Reads: TypeAlias = Literal["json", "text"]

_TYPED = {"Content-Type": "application/json"}  # unless the account's headers or the call's say otherwise
_TOLD = {
    Action.RETRY: "Nothing of the last call was taken; the next run sends it again.",
    Action.UNSURE: "The last call may have been taken; the next run settles it.",
}
_ONLY_ASKED = "The call only asks, so nothing was changed; run again when the destination answers."


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
    bucket: str
    limits: Limits | None
    options: dict[str, Any]
    reads: Reads
    maybe_taken: bool = False
    renewed: bool = False

    @property
    def where(self) -> str:
        return f"{self.method} {self.path}"


class HttpClient:
    """Calls one account. Threads may share it: every call under way has a session of its own.

    Args:
        base_url: Where paths start.
        headers: Sent with every call, or what makes them and renews them.
        limits: Pace of the buckets that a call does not name a pace for.
        budget: Whose turn it is to call; one of this client's own when left out.
        breaker: Stops calls while the account does not answer; none when left out.
        sleep: Waits that many seconds, for tests.
        clock: Seconds that only go up, for tests.
        wall: Seconds since 1970, for tests.
        connect_timeout: Seconds to wait for a connection.
        read_timeout: Seconds to wait for the next byte of the answer.
        attempts: Calls made for one request, the first included.

    Attributes:
        calls: API calls made so far, retries included.
        throttled: Those that were answered with "too many calls".
        waited: Seconds that calls spent waiting for their turn.
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str] | Credentials,
        limits: Limits | None = None,
        *,
        budget: Budget | None = None,
        breaker: Breaker | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = uptime,
        wall: Callable[[], float] = time.time,
        connect_timeout: float = CONNECT_TIMEOUT,
        read_timeout: float = READ_TIMEOUT,
        attempts: int = ATTEMPTS,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.limits = limits
        self.budget = budget or Budget(clock=clock, sleep=sleep)
        self.breaker = breaker
        self.calls = 0
        self.throttled = 0
        self.waited = 0.0
        self.credentials = Fixed(headers) if isinstance(headers, Mapping) else headers
        self._sleep = sleep
        self._wall = wall
        self._timeout = (connect_timeout, read_timeout)
        self._attempts = attempts
        self._idle: list[requests.Session] = []
        self._lock = threading.Lock()
        logger = logging.getLogger("urllib3.connectionpool")
        if without_query not in logger.filters:
            logger.addFilter(without_query)

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | Callable[[], Mapping[str, str]] | None = None,
        params: Mapping[str, str | Sequence[str]] | None = None,
        reads: Reads = "json",
        idempotent: bool,
        bucket: str = "default",
        pace: Limits | None = None,
        classify: Classify = by_status,
    ) -> Response:
        """Make a call, repeat it as far as that is safe, and return an answer that the destination has to read.

        Args:
            method: HTTP method.
            path: Below ``base_url``. Messages show it, so it never holds an identifier of a person.
            json: The body, as JSON.
            data: The body, as bytes that are sent as they are; ``headers`` says of what type.
            headers: Further headers of this call, or what makes them for every attempt: a signature has the time in it.
            params: The query; several values of one name are a list.
            reads: What an answer holds: ``json``, or ``text`` for any other, such as CSV.
            idempotent: Whether the call may be repeated when it is not known if it was taken.
            bucket: The rate budget that it counts against.
            pace: The documented pace of that budget.
            classify: What an answer means, where the vendor says more than the status does.

        Raises:
            DestinationRefused: The credentials, the account or the address will not work until a person acts.
            DestinationDown: The attempts ran out, and the vendor took nothing; or it did not answer a moment ago.
            AmbiguousCall: The attempts ran out, or the call may not be repeated, and the vendor may have taken it.
        """
        options: dict[str, Any] = {"params": params, "headers": headers or {}, "data": data}
        if json is not None:
            options["data"] = encode(json)
        call = _Call(method, path, idempotent, classify, bucket, pace or self.limits, options, reads)
        finding_out = self.breaker.enter() if self.breaker else False
        try:
            answer = self._repeat(call)
        except _TryAgainError as last:
            verdict = last.verdict
        except DestinationDown:  # an ambiguous call as well, and a token that could not be had
            if self.breaker and finding_out:
                self.breaker.failed()
            raise
        except DestinationRefused:
            if self.breaker and finding_out:
                self.breaker.answered()
            raise
        else:
            if self.breaker and finding_out:
                self.breaker.answered()
            return answer
        if self.breaker:
            if not verdict.throttled:
                self.breaker.failed()
            elif finding_out:
                self.breaker.answered()
        kind = AmbiguousCall if call.maybe_taken else DestinationDown
        raise kind(
            f"The destination did not do its work: {verdict.reason} ({verdict.code}).",
            where=call.where,
            fix=_ONLY_ASKED if method == "GET" else _TOLD[Action.UNSURE if call.maybe_taken else Action.RETRY],
        )

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            self._idle.pop().close()

    def _repeat(self, call: _Call) -> Response:
        retrying = Retrying(
            retry=retry_if_exception_type(_TryAgainError),
            stop=stop_after_attempt(self._attempts),
            wait=self._wait,
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(self._attempt, call)

    def _attempt(self, call: _Call) -> Response:
        """Make the call once."""
        waited = self.budget.take(call.bucket, call.limits)
        with self._lock:
            self.calls += 1
            self.waited += waited
        with _as_far_as_known(call):
            sent = self.credentials.headers()
        verdict, response = self._exchange(call, sent)
        if verdict.expired and not call.renewed:
            with _as_far_as_known(call):
                call.renewed = self.credentials.renew(sent)
            if call.renewed:
                return self._attempt(call)
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

    def _exchange(self, call: _Call, credentials: Mapping[str, str]) -> tuple[Verdict, Response | None]:
        """Send the call and judge what came back, or what broke."""
        headers = CaseInsensitiveDict(_TYPED if call.options["data"] is not None else ())
        headers.update(credentials)
        own = call.options["headers"]
        headers.update(own() if callable(own) else own)
        try:
            with self._session() as session:
                raw = session.request(
                    call.method,
                    self.base_url + call.path,
                    timeout=self._timeout,
                    allow_redirects=False,
                    auth=as_it_is,
                    **{**call.options, "headers": headers},
                )
        except requests.exceptions.RequestException as error:
            return broken(error), None
        if "charset" not in raw.headers.get("Content-Type", ""):
            raw.encoding = "utf-8"  # requests would read text as Latin-1
        readable, data = (True, raw.text) if call.reads == "text" else parse(raw.content)
        response = Response(raw.status_code, raw.headers, data)
        if readable or not 200 <= raw.status_code < 300:
            verdict = call.classify(response)
        else:
            verdict = Verdict(Action.UNSURE, "not_json", "the answer was cut off or was not JSON")
        reading = read(raw.headers, self._wall())
        if verdict.wait is not None:  # the vendor says it in its own way
            reading = replace(reading, retry_after=verdict.wait)
        self.budget.learn(call.bucket, call.limits, reading, spent=verdict.throttled)
        if verdict.throttled:
            with self._lock:
                self.throttled += 1
        if verdict.action in (Action.RETRY, Action.UNSURE) and reading.wait is not None:
            verdict = replace(verdict, wait=min(reading.wait, LONGEST_WAIT))
        return verdict, response

    @contextmanager
    def _session(self) -> Iterator[requests.Session]:
        """Lend a session to one call; its connection stays open for the next one, whichever thread makes it."""
        try:
            session = self._idle.pop()
        except IndexError:
            session = requests.Session()
        try:
            yield session
        finally:
            self._idle.append(session)

    @staticmethod
    def _wait(state: RetryCallState) -> float:
        """Wait what the vendor asked for, with a little jitter on top; else exponentially longer, at random."""
        backoff = wait_random_exponential(multiplier=0.5, max=30)(state)
        error = state.outcome.exception() if state.outcome else None
        asked = error.verdict.wait if isinstance(error, _TryAgainError) else None
        return backoff if asked is None else asked + min(backoff, 1.0)


@contextmanager
def _as_far_as_known(call: _Call) -> Iterator[None]:
    """Where no token is to be had, an earlier attempt of the call may have been taken all the same."""
    try:
        yield
    except DestinationDown as error:
        if call.maybe_taken:
            raise AmbiguousCall(error.what, where=error.where, fix=_TOLD[Action.UNSURE]) from None
        raise
