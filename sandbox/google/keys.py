"""The service account that the simulated project has: its key file, and the tokens that an assertion of it is worth."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

EMAIL = "weft@sandbox-project.iam.gserviceaccount.com"
SCOPE = "https://www.googleapis.com/auth/datamanager"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LONGEST = 3_600  #: seconds that an assertion may hold


@cache
def _key() -> rsa.RSAPrivateKey:
    # one for each process: a key in a file that everybody can read would be one that nobody should trust
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def key_file(token_url: str) -> str:
    """Return the key file, as it comes from the Google Cloud console."""
    pem = _key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "sandbox-project",
            "private_key_id": "1",
            "private_key": pem,
            "client_email": EMAIL,
            "client_id": "1",
            "token_uri": token_url,
        }
    )


def refusal(form: Any, token_url: str) -> tuple[str, str] | None:
    """Return the error and its description that Google refuses a token with, or ``None``."""
    if not isinstance(form, dict) or form.get("grant_type") != GRANT:
        return "unsupported_grant_type", "Invalid grant_type"
    try:
        claims = jwt.decode(
            str(form.get("assertion", "")),
            _key().public_key(),
            algorithms=["RS256"],
            audience=token_url,
            options={"require": ["iss", "scope", "aud", "exp", "iat"]},
        )
    except jwt.InvalidSignatureError:
        return "invalid_grant", "Invalid JWT Signature."
    except jwt.InvalidTokenError:
        return "invalid_grant", "Invalid JWT: Token must be a short-lived token and in a reasonable timeframe."
    if claims["iss"] != EMAIL:
        return "invalid_grant", "Invalid grant: account not found"
    if claims["exp"] - claims["iat"] > LONGEST:
        return "invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes)."
    if SCOPE not in str(claims["scope"]).split():
        return "invalid_scope", "Invalid OAuth scope or ID token audience provided."
    return None
