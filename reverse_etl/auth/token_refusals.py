"""What the refusals of token endpoints mean, and which setting to renew: by code, and per grant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Refusal(NamedTuple):
    """What a refusal of the token endpoint means, and what to do about it."""

    reason: str
    fix: str


#: The codes of RFC 6749 section 5.2 that mean the same for every grant, and the vendors' own spellings of them.
_REFUSALS: Mapping[str, Refusal] = {
    "invalid_client": Refusal(
        "it does not accept the app's client id or secret",
        "Compare client_id and client_secret with the app's page at the vendor; after a new secret was made there, "
        "put it into the environment.",
    ),
    "unauthorized_client": Refusal(
        "it does not let this app get tokens in this way",
        "Allow the grant in the app's settings at the vendor, or use another way to authenticate.",
    ),
    "unsupported_grant_type": Refusal(
        "it does not give tokens in this way", "Check the address of the token endpoint and the kind of app."
    ),
    "invalid_scope": Refusal(
        "it does not grant the permissions that are asked for",
        "Grant the app, or the service account, the permission in the vendor's console.",
    ),
    "access_denied": Refusal(
        "it does not allow the access", "Grant the app, or the user that it acts for, access to the account."
    ),
}
_SAME = {
    "invalid_client_id": "invalid_client",
    "invalid_app_id": "invalid_client",
    "bad_client_id": "invalid_client",
    "bad_client_secret": "invalid_client",
    "bad_refresh_token": "invalid_grant",
}
_OTHER = Refusal("it refuses", "Check the connection's address of the token endpoint and its credentials.")


def same(code: str) -> str:
    """Return the standard's spelling of a code."""
    return _SAME.get(code.lower(), code.lower())


def common(code: str) -> Refusal:
    """Return what a code means for every grant."""
    return _REFUSALS.get(code, _OTHER)


def of_refresh_token(code: str, description: str) -> Refusal | None:
    """Return what the refusal of a refresh token means; ``None`` where that is the same for every grant."""
    if code != "invalid_grant":
        return None
    return Refusal(
        "the refresh token was revoked, has expired, was used elsewhere or belongs to another app",
        "Authorise the app again, and put the new refresh token into the variable that refresh_token names.",
    )


#: What Salesforce's descriptions of invalid_grant hold, most particular first.
_ASSERTIONS: Sequence[tuple[str, Refusal]] = (
    (
        "approved this consumer",
        Refusal(
            "the user has not approved the app",
            "Let an administrator pre-authorise the app for the user's profile (OAuth policies, admin approved users).",
        ),
    ),
    (
        "audience",
        Refusal("the login address is wrong", "Use https://login.salesforce.com, or https://test.salesforce.com."),
    ),
    (
        "expired",
        Refusal("the assertion has expired", "Set this machine's clock: it must be right within three minutes."),
    ),
    ("inactive", Refusal("the user is not active", "Activate the user, or use another one as username.")),
)
_ASSERTION_REFUSED = Refusal(
    "it does not accept the assertion",
    "Check that client_id and username are right, and that the certificate of private_key is uploaded to the app.",
)


def of_assertion(code: str, description: str) -> Refusal | None:
    """Return what the refusal of an app's assertion means; ``None`` where that is the same for every grant."""
    if code != "invalid_grant":
        return None
    return next((refusal for part, refusal in _ASSERTIONS if part in description), _ASSERTION_REFUSED)


def of_service_account(code: str, description: str) -> Refusal | None:
    """Return what the refusal of a service account's assertion means; ``None`` where any grant's means the same."""
    if code != "invalid_grant":
        return None
    return Refusal(
        "it does not accept the service account's key, or this machine's clock is wrong",
        "Create a new key for the service account in the Google Cloud console, use it as service_account, and check "
        "that the clock is right.",
    )
