"""Tokens that expire: OAuth 2.0 by refresh token, by signed assertion, and as a Google service account.

A token is renewed a little before its end, and when the destination refuses it. Threads share one token.

Written from RFC 6749 section 6 (refresh tokens), RFC 7523 (assertions), Salesforce's "OAuth 2.0 JWT Bearer Flow for
Server-to-Server Integration" and Google's "Using OAuth 2.0 for Server to Server Applications", read on 2026-11-22.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import SecretStr

from reverse_etl.auth.kept_token import KeptToken
from reverse_etl.auth.private_keys import content, key_file, refuse_unless_safe, signed
from reverse_etl.auth.token_endpoint import TokenEndpoint
from reverse_etl.auth.token_refusals import of_assertion, of_refresh_token, of_service_account
from reverse_etl.errors import DestinationDown

EARLY = 60.0  #: seconds before its end that a token is renewed
ASSERTION = 120  #: seconds that an assertion to Salesforce holds, which takes three minutes at most
GOOGLE_ASSERTION = 3600  #: seconds; what Google takes at most
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"

MakeHeaders = Callable[[str], Mapping[str, str]]
Accept = Callable[[Mapping[str, Any]], None]


def bearer(token: str) -> dict[str, str]:
    """Return the header that most vendors take a token in."""
    return {"Authorization": f"Bearer {token}"}


class _Token(NamedTuple):
    """The headers with a token, and when it ends, by the wall clock."""

    headers: Mapping[str, str]
    ends: float


class Tokens(ABC):
    """Credentials whose tokens expire.

    Args:
        endpoint: Gives them out.
        account: Tells one account from another, whatever the token.
        make_headers: Makes the headers of a call of a token.
        accept: Looks at an answer of the endpoint before its token is used; raises where it is for another account.
        wall: Seconds since 1970, for tests.
    """

    def __init__(
        self,
        endpoint: TokenEndpoint,
        account: Mapping[str, str],
        *,
        make_headers: MakeHeaders = bearer,
        accept: Accept | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.account = account
        self._endpoint = endpoint
        self._make_headers = make_headers
        self._accept = accept
        self._wall = wall
        self._lock = threading.Lock()
        self._token: _Token | None = None

    def headers(self) -> Mapping[str, str]:
        """Return headers with a token that still holds for a while."""
        with self._lock:
            token = self._token
            if token is None or self._wall() >= token.ends - EARLY:
                try:
                    token = self._renewed()
                except DestinationDown:
                    if token is None or self._wall() >= token.ends:
                        raise
            return token.headers

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Get a new token, unless another thread did since the refused one."""
        with self._lock:
            if self._token is None or self._token.headers == refused:
                self._renewed()
            return self._token is not None and self._token.headers != refused

    def _renewed(self) -> _Token:
        asked = self._wall()
        answer = self._ask()
        if self._accept is not None:
            self._accept(answer)
        self._token = _Token(dict(self._make_headers(answer["access_token"])), asked + _lifetime(answer))
        return self._token

    @abstractmethod
    def _ask(self) -> Mapping[str, Any]:
        """Return an answer of the endpoint with an access token."""


class RefreshToken(Tokens):
    """The refresh grant: an app that somebody authorised once.

    Args:
        token_url: The vendor's token endpoint.
        client_id: The app's.
        client_secret: The app's, where it has one.
        refresh_token: What came of the authorisation. Where the vendor exchanges it for another one, that one is kept
            below the state folder, and found there by this one.
        make_headers: Makes the headers of a call of a token.
        accept: Looks at an answer of the endpoint before its token is used.
        sleep: Waits that many seconds, for tests.
        wall: Seconds since 1970, for tests.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: SecretStr | None,
        refresh_token: SecretStr,
        *,
        make_headers: MakeHeaders = bearer,
        accept: Accept | None = None,
        sleep: Callable[[float], None] = time.sleep,
        wall: Callable[[], float] = time.time,
    ) -> None:
        original = refresh_token.get_secret_value()
        account = {"token_url": token_url, "client_id": client_id, "refresh_token": original}
        endpoint = TokenEndpoint(token_url, of_refresh_token, sleep=sleep)
        super().__init__(endpoint, account, make_headers=make_headers, accept=accept, wall=wall)
        self._client = {"client_id": client_id}
        if client_secret is not None:
            self._client["client_secret"] = client_secret.get_secret_value()
        self._kept = KeptToken(original)

    def _ask(self) -> Mapping[str, Any]:
        with self._kept.alone():
            spent = self._kept.read()
            answer = self._endpoint.ask({"grant_type": "refresh_token", **self._client, "refresh_token": spent})
            given = answer.get("refresh_token")
            if isinstance(given, str) and given and given != spent:
                self._kept.write(given)  # before anything else: the old one is worth nothing any more
            return answer


class JwtBearer(Tokens):
    """The JWT bearer grant: an app that signs for a user, as Salesforce has it.

    Args:
        token_url: The vendor's token endpoint.
        client_id: The app's; ``iss`` of the assertion.
        subject: The user that the app acts for; ``sub``.
        audience: Whom the assertion is for; ``aud``.
        private_key: The RSA key in PEM, or the path of a file with it.
        make_headers: Makes the headers of a call of a token.
        accept: Looks at an answer of the endpoint before its token is used.
        sleep: Waits that many seconds, for tests.
        wall: Seconds since 1970, for tests.

    Raises:
        ConfigError: The key cannot be read.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        subject: str,
        audience: str,
        private_key: SecretStr,
        *,
        make_headers: MakeHeaders = bearer,
        accept: Accept | None = None,
        sleep: Callable[[float], None] = time.sleep,
        wall: Callable[[], float] = time.time,
    ) -> None:
        account = {"token_url": token_url, "client_id": client_id, "subject": subject}
        endpoint = TokenEndpoint(token_url, of_assertion, sleep=sleep)
        super().__init__(endpoint, account, make_headers=make_headers, accept=accept, wall=wall)
        self._claims = {"iss": client_id, "sub": subject, "aud": audience}
        self._key = content(private_key, "private_key", "-----BEGIN").replace("\\n", "\n")
        self._assertion()  # a key that cannot sign is told before anything is called

    def _ask(self) -> Mapping[str, Any]:
        return self._endpoint.ask({"grant_type": JWT_BEARER, "assertion": self._assertion()})

    def _assertion(self) -> str:
        return signed({**self._claims, "exp": int(self._wall()) + ASSERTION}, self._key, "private_key")


class ServiceAccount(Tokens):
    """A Google service account.

    Args:
        key: The content of its key file, which is JSON, or the path of the file.
        scopes: The permissions to ask for.
        token_url: The token endpoint, where it is another than the key file says.
        make_headers: Makes the headers of a call of a token.
        sleep: Waits that many seconds, for tests.
        wall: Seconds since 1970, for tests.

    Attributes:
        email: The service account's address, which users and permissions are given to.

    Raises:
        ConfigError: The key cannot be read.
    """

    def __init__(
        self,
        key: SecretStr,
        scopes: Sequence[str],
        token_url: str | None = None,
        *,
        make_headers: MakeHeaders = bearer,
        sleep: Callable[[float], None] = time.sleep,
        wall: Callable[[], float] = time.time,
    ) -> None:
        found = key_file(key)
        self.email = found["client_email"]
        self._url = token_url or found["token_uri"]
        refuse_unless_safe(self._url)
        account = {"token_url": self._url, "client_email": self.email}
        endpoint = TokenEndpoint(self._url, of_service_account, sleep=sleep)
        super().__init__(endpoint, account, make_headers=make_headers, wall=wall)
        self._key = found["private_key"]
        self._key_id = found.get("private_key_id")
        self._scope = " ".join(scopes)
        self._assertion()

    def _ask(self) -> Mapping[str, Any]:
        return self._endpoint.ask({"grant_type": JWT_BEARER, "assertion": self._assertion()})

    def _assertion(self) -> str:
        now = int(self._wall())
        claims = {"iss": self.email, "scope": self._scope, "aud": self._url, "iat": now, "exp": now + GOOGLE_ASSERTION}
        return signed(claims, self._key, "the key file", self._key_id)


def _lifetime(answer: Mapping[str, Any]) -> float:
    """Return the seconds that a token holds; without end where the vendor does not say, until it is refused."""
    try:
        seconds = float(answer.get("expires_in") or "inf")
    except (TypeError, ValueError):
        return float("inf")
    return seconds if seconds > 0 else float("inf")
