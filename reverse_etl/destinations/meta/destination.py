"""Meta: members of a customer file custom audience, normalised and hashed before they leave.

Written from the Marketing API reference pages "Custom Audience Users", "Customer File Custom Audiences" and "Error
Codes", v25.0, read on 2026-11-21. The page "Versions" gave no end for Marketing API v25.0 on that day; earlier versions
ended about a year after their release.

Meta acknowledges an upload with counts and says of no row whether it matched. What the counts allow to be said:

- no invalid entry: every row was taken (whether a person was found stays Meta's secret, and takes up to 24 hours);
- as many invalid entries as rows: every row is refused;
- some in between: the batch is given back to be halved, until the invalid row stands alone. The samples in the answer
  are not used for this: they are incomplete, and their form is not documented. Repeating the good rows does no harm.

Replacing a whole audience (``usersreplace``) is not part of this module: one wrong feed would empty it in one call.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, ClassVar

from pydantic import SecretStr

from reverse_etl.answers import Action, Response, Verdict, by_status
from reverse_etl.destinations.base import (
    Count,
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
from reverse_etl.destinations.codes import OTHER, Codes, Meaning, inside, result
from reverse_etl.destinations.meta.audience import can_match, member, size, upload
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.hashing.table import columns, hashed_columns
from reverse_etl.hashing.vendors import META_AUDIENCE
from reverse_etl.http import LONGEST_WAIT
from reverse_etl.rows import Op, Outcome, Row, RowResult, same_result

VERSION = "v25.0"
FLAGGED = 471  #: operation_status of an audience that Meta has restricted

#: The vendor publishes 10,000 rows a call and no pace; the pace here keeps far from what its usage header calls full.
_ADD = Limits(rows=10_000, bytes=1_000_000, calls_per_second=2, burst=4)
#: Uploads of some 130 KB break on DELETE (facebook-python-business-sdk, issue 367): removals travel in small batches.
_REMOVE = Limits(rows=10_000, bytes=60_000, calls_per_second=2, burst=4)

_SLOW = "the account's rate limit is spent"
_TOKEN = Verdict(
    Action.REFUSE,
    "190",
    "the access token is not valid or has expired",
    "Make a new token with ads_management.",
    expired=True,
)
_RIGHTS = "Give the token's user ads_management on the ad account, and accept the custom audience terms."

#: (code, subcode) of Meta's errors; a subcode of None stands for any other. What is not listed goes by its status.
ERRORS: Mapping[tuple[int, int | None], Verdict] = {
    (1, None): Verdict(Action.UNSURE, "1", "Meta failed without saying why"),
    (2, None): Verdict(Action.UNSURE, "2", "Meta's service is down for a moment"),
    (4, None): Verdict(Action.RETRY, "4", _SLOW),
    (17, None): Verdict(Action.RETRY, "17", _SLOW),
    (32, None): Verdict(Action.RETRY, "32", _SLOW),
    (613, None): Verdict(Action.RETRY, "613", _SLOW),
    (80000, None): Verdict(Action.RETRY, "80000", _SLOW),
    (80003, None): Verdict(Action.RETRY, "80003", _SLOW),
    (80004, None): Verdict(Action.RETRY, "80004", _SLOW),
    (10, None): Verdict(Action.REFUSE, "10", "the app has no permission for this", _RIGHTS),
    (100, 33): Verdict(
        Action.REFUSE, "100/33", "there is no such audience, or the token may not see it", "Check the sync's target."
    ),
    (100, 1713230): Verdict(
        Action.REFUSE, "100/1713230", "the audience is restricted", "Resolve or appeal it in Audience Manager."
    ),
    (102, None): _TOKEN,
    (190, None): _TOKEN,
    (200, 1870047): Verdict(Action.ANSWER, "200/1870047", "the audience would become too small"),
    (200, None): Verdict(Action.REFUSE, "200", "the token may not change audiences", _RIGHTS),
    (2635, None): Verdict(
        Action.REFUSE, "2635", f"Meta no longer answers {VERSION}", "Upgrade weft, which pins the version."
    ),
    (2654, 1713092): Verdict(Action.REFUSE, "2654/1713092", "the token may not write to the ad account", _RIGHTS),
}
_TOO_SMALL = ERRORS[(200, 1870047)].code

#: What each code of a row means; the first one is Meta's, for what it has no codes the others are ours.
CODES: Codes = {
    _TOO_SMALL: Meaning(Outcome.INFO, "Meta keeps members while the audience is small"),
    "invalid_entry": Meaning(Outcome.PERMANENT, "Meta refused the entry as invalid"),
    "miscounted": Meaning(Outcome.AMBIGUOUS, "Meta's answer counts other rows than were sent"),
    "nothing_to_match": Meaning(
        Outcome.PERMANENT,
        "The row has no e-mail address, phone number or device, and no full name with a place to match by",
    ),
    "never_sent": Meaning(Outcome.APPLIED, "The row has nothing to match by, so it was never in the audience"),
    OTHER: Meaning(Outcome.PERMANENT, "Meta refused the entry"),
}


class MetaSettings(HttpSettings):
    """A Meta ad account."""

    base_url: str = "https://graph.facebook.com"
    access_token: SecretStr


class Meta(HttpDestination):
    """One Meta ad account."""

    name: ClassVar[str] = "meta"
    label: ClassVar[str] = "Meta"
    family: ClassVar[Family] = Family.ADS
    api_version: ClassVar[str] = VERSION
    api_version_ends: ClassVar[date | None] = None
    documentation: ClassVar[Sequence[Page]] = (
        Page(
            "Custom Audience Users",
            date(2026, 11, 21),
            "https://developers.facebook.com/docs/marketing-api/reference/custom-audience/users/",
        ),
        Page(
            "Customer File Custom Audiences",
            date(2026, 11, 21),
            "https://developers.facebook.com/docs/marketing-api/audiences/guides/custom-audiences/",
        ),
        Page("Error Codes", date(2026, 11, 21)),
    )
    settings_class: ClassVar[type[Settings]] = MetaSettings
    codes: ClassVar[Codes] = CODES
    objects: ClassVar[Mapping[str, ObjectSpec]] = {
        "custom_audience": ObjectSpec(
            row_errors=RowErrors.COUNTS,
            matched_by=("email", "phone"),
            modes=frozenset({Mode.MIRROR, Mode.UPSERT, Mode.APPEND}),
            keys=frozenset({"external_id", "email"}),
            columns=columns(META_AUDIENCE),
            hashed_columns=hashed_columns(META_AUDIENCE),
            identifiers={"email": "email", "phone": "phone"},
            limits={Op.ADD: _ADD, Op.CHANGE: _ADD, Op.REMOVE: _REMOVE},
            needs_target=True,
            custom_columns=False,
            removal="The person leaves the audience; Meta puts it off while the audience would become too small.",
            nulls=frozenset({NullPolicy.CLEAR_OWN, NullPolicy.SKIP}),  # one and the same here: a blank matches nobody
            counts=True,
            concurrency=2,  # the vendor tells no limit; usage is computed per audience, so a few calls at a time
        )
    }

    @classmethod
    def headers(cls, settings: MetaSettings) -> dict[str, str]:
        """Return the headers of every call. The token is not put in the address, where proxies would log it."""
        return {"Authorization": f"Bearer {settings.access_token.get_secret_value()}"}

    def check(self, delivery: Delivery) -> None:
        """Read the audience's state: a restricted one refuses every change, so nothing is sent to it."""
        answer = self._call("GET", audience(delivery.target), params={"fields": "operation_status"})
        _refuse_unless_done(answer)
        state = inside(answer.body.get("operation_status"))
        if state.get("code") == FLAGGED:
            raise DestinationRefused(
                "Meta has restricted the audience and refuses every change to it (operation_status 471).",
                where=f"custom audience {delivery.target}",
                fix="Resolve or appeal the restriction in Audience Manager, or point the sync at a new audience.",
            )

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body, at most: what is present counts as a hash."""
        return size(row.payload)

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Add a batch to the audience, or take it off."""
        entries = {row.key: member(row.payload) for row in rows}
        sent = [row for row in rows if can_match(entries[row.key])]
        nameless = [row for row in rows if not can_match(entries[row.key])]
        code = "never_sent" if op is Op.REMOVE else "nothing_to_match"
        results = [result(CODES, row.key, code) for row in nameless]
        if not sent:
            return results
        answer = self._call(
            "DELETE" if op is Op.REMOVE else "POST",
            f"{audience(delivery.target)}/users",
            upload([entries[row.key] for row in sent]),
        )
        return [*results, *map_upload(sent, answer)]

    def count(self, delivery: Delivery) -> Count | None:
        """Return the bounds that Meta gives for the people it has found so far: fewer than were sent, never exact."""
        fields = ("approximate_count_lower_bound", "approximate_count_upper_bound")
        answer = self._call("GET", audience(delivery.target), params={"fields": ",".join(fields)})
        _refuse_unless_done(answer)
        low, high = (answer.body.get(field) for field in fields)
        if not isinstance(low, int) or not isinstance(high, int) or low < 0 or high < low:  # -1: not known yet
            return None
        return Count(low, high)

    def _call(self, method: str, path: str, body: Any = None, params: Mapping[str, str] | None = None) -> Response:
        # Every call may be repeated: an audience holds a person once, and removes a person who is not there in silence.
        return self.http.request(
            method, path, json=body, params=params, idempotent=True, bucket="audience", pace=_ADD, classify=classify
        )


def audience(target: str | None) -> str:
    """Return the address of an audience.

    Raises:
        DestinationRefused: The target is not an audience's id, which is all digits.
    """
    if target is None or not (target.isascii() and target.isdigit()):
        raise DestinationRefused(
            "A custom audience is named by its id, which is a number.",
            where="the exposure's sync block, field target",
            fix="Copy the audience's id from Audience Manager, and quote it in the yml.",
        )
    return f"/{VERSION}/{target}"


def classify(response: Response) -> Verdict:
    """Judge an answer by the error in its body, which says more than Meta's statuses do."""
    error = response.body.get("error")
    if not isinstance(error, dict):
        return by_status(response)
    code, subcode = error.get("code"), error.get("error_subcode")
    verdict = ERRORS.get((code, subcode)) or ERRORS.get((code, None)) if isinstance(code, int) else None
    if verdict is None:
        return by_status(response)
    if verdict.action is Action.RETRY:
        minutes = minutes_to_wait(response.headers)
        wait = min(minutes * 60, LONGEST_WAIT) if minutes else None
        return replace(verdict, wait=wait, throttled=True)
    return verdict


def minutes_to_wait(headers: Mapping[str, str]) -> float:
    """Return how many minutes the usage header says that the account stays throttled, 0 where it does not say."""
    try:
        usage = json.loads(headers.get("X-Business-Use-Case-Usage", "{}"))
        return float(max(one["estimated_time_to_regain_access"] for many in usage.values() for one in many))
    except (ValueError, KeyError, TypeError, AttributeError):
        return 0.0


def map_upload(rows: Sequence[Row], answer: Response) -> list[RowResult]:
    """Return one result per row of an answered upload, as far as Meta's counts can tell.

    Raises:
        BatchRefused: Some rows are invalid, and Meta does not say which.
    """
    if answer.status >= 300 and _code(answer) == _TOO_SMALL:
        return [result(CODES, row.key, _TOO_SMALL) for row in rows]
    _refuse_unless_done(answer)
    received, invalid = answer.body.get("num_received"), answer.body.get("num_invalid_entries")
    if received != len(rows) or not isinstance(invalid, int):
        return [result(CODES, row.key, "miscounted") for row in rows]
    if invalid == 0:
        return same_result(rows, Outcome.APPLIED)
    if invalid >= len(rows):
        return [result(CODES, row.key, "invalid_entry") for row in rows]
    raise BatchRefused("invalid_entry", f"Meta refused {invalid} of {len(rows)} entries without naming them")


def _code(answer: Response) -> str:
    """Return the numbers of an error, and nothing of its texts."""
    error = inside(answer.body.get("error"))
    numbers = (error.get(field) for field in ("code", "error_subcode"))
    return "/".join(str(number) for number in numbers if isinstance(number, int) and number)


def _refuse_unless_done(answer: Response) -> None:
    if answer.status >= 300:
        raise BatchRefused(_code(answer) or str(answer.status), "Meta refused the call")
