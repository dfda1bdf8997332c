"""Which account of Google's, who calls for it, and what its owner states."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr

from reverse_etl.destinations.base import HttpSettings
from reverse_etl.errors import DestinationRefused


def _digits(value: str) -> str:
    """Take an account's number as Google Ads shows it, with dashes, too."""
    digits = value.replace("-", "")
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError("it is the account's number, such as 123-456-7890")
    return digits


AccountId = Annotated[str, Field(coerce_numbers_to_str=True), AfterValidator(_digits)]


class AccountType(StrEnum):
    """What kind of account."""

    GOOGLE_ADS = "GOOGLE_ADS"
    DISPLAY_VIDEO_ADVERTISER = "DISPLAY_VIDEO_ADVERTISER"
    DISPLAY_VIDEO_PARTNER = "DISPLAY_VIDEO_PARTNER"
    DATA_PARTNER = "DATA_PARTNER"


class Consent(StrEnum):
    """What Google wants to know that a person granted."""

    AD_USER_DATA = "ad_user_data"
    AD_PERSONALIZATION = "ad_personalization"


class GoogleSettings(HttpSettings):
    """An account of Google Ads or Display & Video 360, and who calls for it.

    Attributes:
        service_account: The service account's key file, as JSON or by its path.
        account_id: The account that receives the rows.
        account_type: Of what kind it is.
        login_account_id: The manager or partner account by which the service account has access, where it has it so.
        login_account_type: Of what kind that one is.
        consents: What the purposes of this connection's syncs stand for, in Google's words. A sync sends nobody who has
            not granted its purpose; whether that purpose covers these, only who runs the account can say.
        customer_match_terms: That the terms for Customer Match are accepted, said by who runs the account.
        token_url: Who gives out tokens, where it is another than the key file says.
    """

    base_url: str = "https://datamanager.googleapis.com"
    service_account: SecretStr
    account_id: AccountId
    account_type: AccountType = AccountType.GOOGLE_ADS
    login_account_id: AccountId | None = None
    login_account_type: AccountType = AccountType.GOOGLE_ADS
    consents: frozenset[Consent]
    customer_match_terms: Literal["accepted"] | None = None
    token_url: str | None = None


#: What Google calls each consent in a request.
CONSENTS: Mapping[Consent, str] = {
    Consent.AD_USER_DATA: "adUserData",
    Consent.AD_PERSONALIZATION: "adPersonalization",
}


def place(settings: GoogleSettings, target: str | None) -> dict[str, Any]:
    """Return where rows go, as a request says it.

    Raises:
        DestinationRefused: The target is not an id, which is all digits.
    """
    if target is None or not (target.isascii() and target.isdigit()):
        raise DestinationRefused(
            "An audience and a conversion action are named by their ids, which are numbers.",
            where="the exposure's sync block, field target",
            fix="Copy the audience's or the conversion action's id from Google Ads, and quote it in the yml.",
        )
    made: dict[str, Any] = {
        "operatingAccount": {"accountType": settings.account_type.value, "accountId": settings.account_id},
        "productDestinationId": target,
    }
    if settings.login_account_id is not None:
        login = {"accountType": settings.login_account_type.value, "accountId": settings.login_account_id}
        made["loginAccount"] = login
    return made
