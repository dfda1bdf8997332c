"""LinkedIn: members of a DMP segment, from which LinkedIn makes an audience.

Written from "DMP Segment Users", "DMP Segments", "Matched Audiences FAQ", "LinkedIn Marketing API Versioning", "Error
Handling" and "Refresh Tokens with OAuth 2.0" (Microsoft Learn), read on 2026-11-22.

LinkedIn answers for each user whether it was taken; whether somebody was found it does not tell, and the audience takes
up to 48 hours. Nothing of this module makes, changes or deletes a segment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar, Self

from pydantic import SecretStr, model_validator

from reverse_etl.answers import Response
from reverse_etl.auth.credentials import Credentials, Fixed
from reverse_etl.auth.oauth import RefreshToken, bearer
from reverse_etl.auth.private_keys import refuse_unless_safe
from reverse_etl.destinations.base import (
    Delivery,
    Family,
    HttpSettings,
    Limits,
    Mode,
    NullPolicy,
    ObjectSpec,
    Page,
    RowErrors,
    Settings,
)
from reverse_etl.destinations.codes import OTHER, Codes, objects, result
from reverse_etl.destinations.linkedin.payloads import (
    CODES,
    COLUMNS,
    TABLE,
    classify,
    classify_upload,
    element,
    results,
    size,
)
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.hashing.table import hashed_columns
from reverse_etl.rows import Op, Row, RowResult

VERSION = "202607"

#: 600 calls a minute, burst and all, for a member of the app. LinkedIn gives no limit of bytes; this one is ours.
_USERS = Limits(rows=5_000, bytes=4_000_000, calls_per_second=9.9, burst=5)

#: States of a segment that no campaign can be pointed at.
_USELESS = ("EXPIRED", "FAILED", "ERROR")


class LinkedInSettings(HttpSettings):
    """An app of LinkedIn's, and the member who authorised it.

    Either an access token, which ends after 60 days, or a refresh token with its app, which holds a year.
    """

    base_url: str = "https://api.linkedin.com"
    access_token: SecretStr | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    refresh_token: SecretStr | None = None
    token_url: str = "https://www.linkedin.com/oauth/v2/accessToken"  # noqa: S105 (an address)

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        app = (self.client_id, self.client_secret, self.refresh_token)
        if any(app) if self.access_token else None in app:
            raise ValueError("give either access_token, or client_id, client_secret and refresh_token")
        return self

    def app(self) -> tuple[str, SecretStr, SecretStr]:
        """Return the app's id and secret and its refresh token, where there is no access token."""
        if self.client_id is None or self.client_secret is None or self.refresh_token is None:
            raise ValueError("there is an access token")
        return self.client_id, self.client_secret, self.refresh_token


class LinkedIn(HttpDestination):
    """One member's ad accounts."""

    name: ClassVar[str] = "linkedin"
    label: ClassVar[str] = "LinkedIn"
    family: ClassVar[Family] = Family.ADS
    api_version: ClassVar[str] = VERSION
    api_version_ends: ClassVar[date | None] = date(2027, 7, 15)
    documentation: ClassVar[Sequence[Page]] = (
        Page(
            "DMP Segment Users",
            date(2026, 11, 22),
            "https://learn.microsoft.com/en-us/linkedin/marketing/matched-audiences/create-and-manage-segment-users",
        ),
        Page(
            "DMP Segments",
            date(2026, 11, 22),
            "https://learn.microsoft.com/en-us/linkedin/marketing/matched-audiences/create-and-manage-segments",
        ),
        Page(
            "Matched Audiences FAQ",
            date(2026, 11, 22),
            "https://learn.microsoft.com/en-us/linkedin/marketing/matched-audiences/matched-audiences-faq",
        ),
        Page(
            "LinkedIn Marketing API Versioning",
            date(2026, 11, 22),
            "https://learn.microsoft.com/en-us/linkedin/marketing/versioning",
        ),
        Page(
            "Refresh Tokens with OAuth 2.0",
            date(2026, 11, 22),
            "https://learn.microsoft.com/en-us/linkedin/shared/authentication/programmatic-refresh-tokens",
        ),
    )
    settings_class: ClassVar[type[Settings]] = LinkedInSettings
    codes: ClassVar[Codes] = CODES
    objects: ClassVar[Mapping[str, ObjectSpec]] = {
        "segment": ObjectSpec(
            modes=frozenset({Mode.MIRROR, Mode.UPSERT, Mode.APPEND}),
            # By nothing else: a changed key is a removal of the old one, which would stay in the segment otherwise.
            keys=frozenset({"email", "gaid"}),
            columns=COLUMNS,
            hashed_columns=hashed_columns(TABLE),
            matched_by=("email", "gaid"),
            identifiers={"email": "email"},
            limits={Op.ADD: _USERS, Op.CHANGE: _USERS, Op.REMOVE: _USERS},
            needs_target=True,
            row_errors=RowErrors.IN_ORDER,
            custom_columns=False,
            removal="The person leaves the segment, and the audience made of it within a day. The segment stays.",
            nulls=frozenset({NullPolicy.CLEAR_OWN, NullPolicy.SKIP}),  # one and the same here: nothing is ever emptied
            concurrency=4,
        )
    }

    @classmethod
    def authenticate(cls, settings: LinkedInSettings) -> Credentials:
        """Return the lasting token, or the app's, which are renewed; with every call goes the version."""
        if settings.access_token is not None:
            return Fixed(_headers(settings.access_token.get_secret_value()))
        refuse_unless_safe(settings.token_url)
        client_id, secret, refresh_token = settings.app()
        return RefreshToken(settings.token_url, client_id, secret, refresh_token, make_headers=_headers)

    def check(self, delivery: Delivery) -> None:
        """Read the segment: it has to be one of users, in a state that campaigns can use."""
        where = f"DMP segment {delivery.target}"
        answer = self._call("GET", segment(delivery.target))
        if answer.status == 404:
            raise DestinationRefused(
                "LinkedIn has no such segment, or the token's member may not see it.",
                where=where,
                fix="Check the sync's target: it is the id of the DMP segment, not of the audience made of it.",
            )
        if answer.status >= 300:
            raise DestinationRefused(
                f"LinkedIn refuses to show the segment ({answer.status}).",
                where=where,
                fix="Check the sync's target and the connection's address.",
            )
        if answer.body.get("type") != "USER":
            raise DestinationRefused(
                "The segment is not one of users.", where=where, fix="Point the sync at a segment of type USER."
            )
        states = {str(one.get("status")) for one in objects(answer.body.get("destinations"))}
        useless = sorted(states.intersection(_USELESS))
        if useless:
            raise DestinationRefused(
                f"The segment is {useless[0]}: no campaign can use it.",
                where=where,
                fix="Make a new segment of type USER, and point the sync at it.",
            )

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body, at most."""
        return size(row)

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Add a batch to the segment, or take it off."""
        kept: list[RowResult] = []
        sent: list[Row] = []
        elements: list[dict[str, Any]] = []
        for row in rows:
            made = element(op, row.payload)
            if made is None:
                kept.append(result(CODES, row.key, "never_sent" if op is Op.REMOVE else "nothing_to_match"))
            else:
                sent.append(row)
                elements.append(made)
        if not sent:
            return kept
        answer = self._call("POST", f"{segment(delivery.target)}/users", {"elements": elements})
        if answer.status >= 300:
            code = str(answer.status)
            raise BatchRefused(code if code in CODES else OTHER, "LinkedIn refused the call")
        return [*kept, *results(sent, answer)]

    def _call(self, method: str, path: str, body: Any = None) -> Response:
        # Every call may be repeated: a segment holds a person once, and removes one who is not there in silence.
        uploads = body is not None
        return self.http.request(
            method,
            path,
            json=body,
            headers={"X-RestLi-Method": "BATCH_CREATE"} if uploads else None,
            idempotent=True,
            bucket="users" if uploads else "segments",
            pace=_USERS,
            classify=classify_upload if uploads else classify,
        )


def segment(target: str | None) -> str:
    """Return the address of a segment.

    Raises:
        DestinationRefused: The target is not a segment's id, which is all digits.
    """
    if target is None or not (target.isascii() and target.isdigit()):
        raise DestinationRefused(
            "A DMP segment is named by its id, which is a number.",
            where="the exposure's sync block, field target",
            fix="Take the id that LinkedIn gave when the segment was made, and quote it in the yml.",
        )
    return f"/rest/dmpSegments/{target}"


def _headers(token: str) -> dict[str, str]:
    return {**bearer(token), "LinkedIn-Version": VERSION, "X-Restli-Protocol-Version": "2.0.0"}
