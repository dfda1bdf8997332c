"""How an app signs in to a Salesforce org, and how a wrong address of the org is noticed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import SecretStr, field_validator, model_validator

from reverse_etl.auth.credentials import Credentials
from reverse_etl.auth.oauth import JwtBearer, RefreshToken, bearer
from reverse_etl.destinations.base import HttpSettings
from reverse_etl.errors import DestinationRefused

_ISSUING = "/services/oauth2/token"


class SalesforceSettings(HttpSettings):
    """A Salesforce org, by an app that signs for a user, or by one that a user authorised.

    Attributes:
        base_url: The org's My Domain address.
        client_id: The app's consumer key.
        username: For whom the app signs.
        private_key: The key whose certificate was uploaded to the app: in PEM, or the path of a file.
        login_url: Whom the signed assertion is for.
        client_secret: The app's consumer secret, where it asks for one.
        refresh_token: What came of the authorisation.
    """

    base_url: str
    client_id: str
    username: str | None = None
    private_key: SecretStr | None = None
    login_url: str = "https://login.salesforce.com"
    client_secret: SecretStr | None = None
    refresh_token: SecretStr | None = None

    @field_validator("base_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        signs = (self.username, self.private_key)
        if all(signs) if self.refresh_token is None else not any(signs):
            return self
        raise ValueError("give either username and private_key (JWT bearer flow) or refresh_token (refresh token flow)")


def credentials(settings: SalesforceSettings) -> Credentials:
    """Return what gets access tokens of the org. Salesforce does not say when one ends: it is used until refused."""
    url = settings.base_url + _ISSUING

    def accept(answer: Mapping[str, Any]) -> None:
        refuse_another_org(settings.base_url, answer)

    if settings.refresh_token is not None:
        return RefreshToken(
            url,
            settings.client_id,
            settings.client_secret,
            settings.refresh_token,
            make_headers=_headers,
            accept=accept,
        )
    return JwtBearer(
        url,
        settings.client_id,
        settings.username or "",
        settings.login_url.rstrip("/"),
        settings.private_key or SecretStr(""),
        make_headers=_headers,
        accept=accept,
    )


def refuse_another_org(base_url: str, answer: Mapping[str, Any]) -> None:
    """Refuse a token for another address than the calls would go to.

    Raises:
        DestinationRefused: The message tells the address to put there.
    """
    instance = str(answer.get("instance_url") or "").rstrip("/")
    if instance and instance.lower() != base_url.lower():
        raise DestinationRefused(
            "The token that Salesforce gives is for another address than the connection's.",
            where=f"connections.yml, field base_url, which is {base_url}",
            fix=f"Use {instance}, the org's My Domain address, if that is the org that you mean.",
        )


def _headers(token: str) -> dict[str, str]:
    return {**bearer(token), "Accept": "application/json"}
