"""Private keys of apps and service accounts: read, and used to sign assertions. No message shows any of one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt
from pydantic import SecretStr

from reverse_etl.errors import ConfigError


def content(secret: SecretStr, name: str, begins: str) -> str:
    """Return the content of a key that is given as it is, or by the path of its file.

    Raises:
        ConfigError: It is neither; the message names the setting.
    """
    value = secret.get_secret_value().strip()
    if value.startswith(begins):
        return value
    try:
        text = Path(value).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, ValueError):  # the value is not shown: it may be a key that was cut off
        text = ""
    if not text.startswith(begins):
        raise ConfigError(
            f"The key in {name} cannot be read: it is neither a key that begins with {begins} nor a file with one.",
            where=f"connections.yml, field {name}",
            fix="put the path of the key's file, or its whole content, into the environment",
        )
    return text


def key_file(key: SecretStr) -> dict[str, str]:
    """Return what a Google service account's key file holds.

    Raises:
        ConfigError: It cannot be read, or lacks something.
    """
    lacking = ["client_email", "private_key", "token_uri"]
    try:
        found = json.loads(content(key, "service_account", "{"))
        lacking = [name for name in lacking if not isinstance(found.get(name), str)]
    except ValueError:
        found = {}
    if lacking:
        raise ConfigError(
            f"The service account's key file lacks {', '.join(lacking)}.",
            where="connections.yml, field service_account",
            fix="create a key of type JSON for the service account in the Google Cloud console, and use it unchanged",
        )
    return {str(name): str(value) for name, value in found.items()}


def refuse_unless_safe(url: str) -> None:
    """Refuse a key file whose token endpoint would get assertions unencrypted.

    Raises:
        ConfigError: It would.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ConfigError(
            "The token endpoint of the key file is not reached over https.",
            where="connections.yml, field service_account",
            fix="use the key file as the Google Cloud console gave it",
        )


def signed(claims: Mapping[str, Any], key: str, name: str, key_id: str | None = None) -> str:
    """Return claims as a signed token, by RS256.

    Raises:
        ConfigError: The key cannot sign; the message names the setting.
    """
    try:
        return jwt.encode(dict(claims), key, algorithm="RS256", headers={"kid": key_id} if key_id else None)
    except (jwt.PyJWTError, ValueError, TypeError):
        raise ConfigError(
            f"The private key in {name} is no RSA key in PEM.",
            where="connections.yml",
            fix="use the whole key, with its first and last line, and without a password",
        ) from None
