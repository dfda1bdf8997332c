"""The token endpoint of a simulated vendor: RFC 6749's refresh grant and RFC 7523's assertions."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import jwt

from sandbox.api import Reply, Request

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass(frozen=True)
class Signers:
    """Who may get a token by a signed assertion.

    Attributes:
        public_key: Of the certificate that was uploaded to the app, in PEM.
        subjects: The users that the app may act for.
        audiences: What the assertion may be for.
        longest: Most seconds until its end.
    """

    public_key: str
    subjects: Collection[str]
    audiences: Collection[str]
    longest: float = 180.0


class TokenOffice:
    """Gives out the access tokens of one app in one account.

    Args:
        client_id: The app's.
        client_secret: The app's.
        refresh_token: What came of its authorisation.
        lifetime: Seconds that an access token holds; the answer says nothing of it where there is none.
        signers: Who may sign assertions, where the app takes them.
        further: Returns what else the vendor's answer has.

    Attributes:
        rotates: Whether a refresh token is taken once, and exchanged for another one. One that is used again ends the
            authorisation.
        given: How many access tokens were given out.
    """

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        *,
        lifetime: float | None,
        signers: Signers | None = None,
        further: Callable[[Request], dict[str, Any]] = lambda request: {},
    ) -> None:
        self.client_id = client_id
        self.client_secret = client_secret
        self.refresh_token: str | None = refresh_token
        self.lifetime = lifetime
        self.signers = signers
        self.rotates = False
        self.given = 0
        self._further = further
        self._spent: set[str] = set()
        self._ends: dict[str, float] = {}

    def holds(self, token: str) -> bool:
        """Return whether an access token is valid."""
        return self._ends.get(token, 0.0) > time.time()

    def expire(self) -> None:
        """End all access tokens now."""
        self._ends.clear()

    def revoke(self) -> None:
        """End the authorisation, as a user does who removes the app."""
        self.refresh_token = None
        self.expire()

    def give(self, request: Request) -> Reply:
        """Answer a call of the token endpoint."""
        if "form-urlencoded" not in request.headers.get("content-type", "") or not isinstance(request.body, dict):
            return _refused("invalid_request", "the parameters belong into a form in the body")
        form: dict[str, str] = request.body
        grant = form.get("grant_type", "")
        if grant == "refresh_token":
            return self._by_refresh_token(request, form)
        if grant == JWT_BEARER and self.signers is not None:
            return self._by_assertion(request, form, self.signers)
        return _refused("unsupported_grant_type", "grant type not supported")

    def _by_refresh_token(self, request: Request, form: dict[str, str]) -> Reply:
        if form.get("client_id") != self.client_id:
            return _refused("invalid_client_id", "client identifier invalid")
        if form.get("client_secret") != self.client_secret:
            return _refused("invalid_client", "invalid client credentials", 401)
        token = form.get("refresh_token", "")
        if token in self._spent:
            self.revoke()  # used twice: somebody else has it
        if not self.refresh_token or token != self.refresh_token:
            return _refused("invalid_grant", "expired access/refresh token")
        if self.rotates:
            self._spent.add(token)
            self.refresh_token = secrets.token_urlsafe(24)
        return self._answer(request, {"refresh_token": self.refresh_token})

    def _by_assertion(self, request: Request, form: dict[str, str], signers: Signers) -> Reply:
        try:
            claims = jwt.decode(
                form.get("assertion", ""),
                signers.public_key,
                algorithms=["RS256"],
                audience=list(signers.audiences),
                issuer=self.client_id,
                options={"require": ["iss", "sub", "aud", "exp"]},
            )
        except jwt.InvalidAudienceError:
            return _refused("invalid_grant", "audience is invalid")
        except jwt.InvalidIssuerError:
            return _refused("invalid_client_id", "client identifier invalid")
        except jwt.ExpiredSignatureError:
            return _refused("invalid_grant", "expired authorization code")
        except jwt.PyJWTError:
            return _refused("invalid_grant", "invalid assertion")
        if claims["exp"] > time.time() + signers.longest:
            return _refused("invalid_grant", "invalid assertion")
        if claims["sub"] not in signers.subjects:
            return _refused("invalid_grant", "user hasn't approved this consumer")
        return self._answer(request, {})

    def _answer(self, request: Request, more: dict[str, Any]) -> Reply:
        token = secrets.token_urlsafe(24)
        self.given += 1
        self._ends[token] = time.time() + (self.lifetime or 7200.0)
        life = {} if self.lifetime is None else {"expires_in": int(self.lifetime)}
        body = {"access_token": token, "token_type": "Bearer", **life, **more, **self._further(request)}
        return Reply(200, body, {"Cache-Control": "no-store"})


def _refused(code: str, description: str, status: int = 400) -> Reply:
    return Reply(status, {"error": code, "error_description": description})
