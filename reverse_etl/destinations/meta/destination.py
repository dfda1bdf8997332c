"""Meta: members of a customer file custom audience, and conversions; both spelled and hashed before they leave.

Written from the Marketing API reference pages "Custom Audience Users", "Customer File Custom Audiences" and "Error
Codes", v25.0, read on 2026-11-21, and the Conversions API's pages "Using the API", "Server Event Parameters" and
"Handling Duplicate Pixel and Conversions API Events", read on 2026-11-22. The page "Versions" gave no end for Marketing
API v25.0; earlier versions ended about a year after their release.

Meta acknowledges an upload of members with counts, and says of no row whether it matched. What the counts tell:

- no invalid entry: every row was taken (whether a person was found stays Meta's secret, and takes up to 24 hours);
- as many invalid entries as rows: every row is refused;
- some in between: the batch is given back to be halved, until the invalid row stands alone. The samples in the answer
  are not used for this: they are incomplete, and their form is not documented. Repeating the good rows does no harm.

Of conversions it takes all of a call or none: then the call is given back to be halved in the same way.

Replacing a whole audience (``usersreplace``) is not part of this module: one wrong feed would empty it in one call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, ClassVar

from pydantic import SecretStr

from reverse_etl.answers import Response
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
from reverse_etl.destinations.codes import Codes, inside, result
from reverse_etl.destinations.meta import events
from reverse_etl.destinations.meta.answers import CODES, TOO_SMALL, VERSION, classify, code_of, refuse_unless_done
from reverse_etl.destinations.meta.audience import can_match, member, size, upload
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.hashing.table import columns, hashed_columns
from reverse_etl.hashing.vendors import META_AUDIENCE, META_EVENTS
from reverse_etl.rows import Op, Outcome, Row, RowResult, same_result

FLAGGED = 471  #: operation_status of an audience that Meta has restricted

#: The vendor publishes 10,000 rows a call and no pace; the pace here keeps far from what its usage header calls full.
_ADD = Limits(rows=10_000, bytes=1_000_000, calls_per_second=2, burst=4)
#: Uploads of some 130 KB break on DELETE (facebook-python-business-sdk, issue 367): removals travel in small batches.
_REMOVE = Limits(rows=10_000, bytes=60_000, calls_per_second=2, burst=4)
#: "There is no specific rate limit for the Conversions API"; the pace is ours. Of bytes nothing is documented.
_EVENTS = Limits(rows=1_000, bytes=1_000_000, calls_per_second=20, burst=20)


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
        Page(
            "Conversions API: Using the API",
            date(2026, 11, 22),
            "https://developers.facebook.com/documentation/ads-commerce/conversions-api/using-the-api",
        ),
        Page(
            "Customer Information Parameters",
            date(2026, 11, 22),
            "https://developers.facebook.com/documentation/ads-commerce/conversions-api/parameters/"
            "customer-information-parameters",
        ),
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
        ),
        "conversion": ObjectSpec(
            row_errors=RowErrors.WHOLE,
            matched_by=("email", "phone"),
            modes=frozenset({Mode.APPEND}),
            keys=frozenset({"event_id"}),
            columns=events.COLUMNS,
            required=events.REQUIRED,
            hashed_columns=hashed_columns(META_EVENTS),
            identifiers={"email": "email", "phone": "phone"},
            limits={Op.ADD: _EVENTS},
            needs_target=True,
            idempotent=False,
            removal="An event that was sent cannot be taken back.",
        ),
    }

    @classmethod
    def headers(cls, settings: MetaSettings) -> dict[str, str]:
        """Return the headers of every call. The token is not put in the address, where proxies would log it."""
        return {"Authorization": f"Bearer {settings.access_token.get_secret_value()}"}

    def check(self, delivery: Delivery) -> None:
        """Read the dataset, or the audience's state: a restricted one refuses every change."""
        if delivery.object == "conversion":
            refuse_unless_done(self._call("GET", target(delivery), params={"fields": "id"}))
            return
        answer = self._call("GET", target(delivery), params={"fields": "operation_status"})
        refuse_unless_done(answer)
        state = inside(answer.body.get("operation_status"))
        if state.get("code") == FLAGGED:
            raise DestinationRefused(
                "Meta has restricted the audience and refuses every change to it (operation_status 471).",
                where=f"custom audience {delivery.target}",
                fix="Resolve or appeal the restriction in Audience Manager, or point the sync at a new audience.",
            )

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body, at most: what is present counts as a hash."""
        return events.size(row.payload) if delivery.object == "conversion" else size(row.payload)

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Report a batch of conversions; or add it to the audience, or take it off."""
        if delivery.object == "conversion":
            return self._report(delivery, rows)
        entries = {row.key: member(row.payload) for row in rows}
        sent = [row for row in rows if can_match(entries[row.key])]
        nameless = [row for row in rows if not can_match(entries[row.key])]
        code = "never_sent" if op is Op.REMOVE else "nothing_to_match"
        results = [result(CODES, row.key, code) for row in nameless]
        if not sent:
            return results
        answer = self._call(
            "DELETE" if op is Op.REMOVE else "POST",
            f"{target(delivery)}/users",
            upload([entries[row.key] for row in sent]),
        )
        return [*results, *map_upload(sent, answer)]

    def count(self, delivery: Delivery) -> Count | None:
        """Return the bounds that Meta gives for the people it has found so far: fewer than were sent, never exact."""
        fields = ("approximate_count_lower_bound", "approximate_count_upper_bound")
        answer = self._call("GET", target(delivery), params={"fields": ",".join(fields)})
        refuse_unless_done(answer)
        low, high = (answer.body.get(field) for field in fields)
        if not isinstance(low, int) or not isinstance(high, int) or low < 0 or high < low:  # -1: not known yet
            return None
        return Count(low, high)

    def _report(self, delivery: Delivery, rows: Sequence[Row]) -> list[RowResult]:
        now = datetime.now(UTC)
        bodies = {row.key: events.event(row.payload) for row in rows}
        problems = {key: code for key, body in bodies.items() if (code := events.problem(body, now))}
        results = [result(CODES, key, code) for key, code in problems.items()]
        sent = [row for row in rows if row.key not in problems]
        if not sent:
            return results
        answer = self.http.request(
            "POST",
            f"{target(delivery)}/events",
            json={"data": [bodies[row.key] for row in sent]},
            idempotent=False,
            bucket="events",
            pace=_EVENTS,
            classify=classify,
        )
        refuse_unless_done(answer)
        if answer.body.get("events_received") != len(sent):
            return [*results, *(result(CODES, row.key, "miscounted") for row in sent)]
        return [*results, *same_result(sent, Outcome.APPLIED)]

    def _call(self, method: str, path: str, body: Any = None, params: Mapping[str, str] | None = None) -> Response:
        # Every call may be repeated: an audience holds a person once, and removes a person who is not there in silence.
        return self.http.request(
            method, path, json=body, params=params, idempotent=True, bucket="audience", pace=_ADD, classify=classify
        )


def target(delivery: Delivery) -> str:
    """Return the address of an audience or a dataset.

    Raises:
        DestinationRefused: The target is no id of one, which is all digits.
    """
    number = delivery.target
    if number is None or not (number.isascii() and number.isdigit()):
        is_audience = delivery.object == "custom_audience"
        raise DestinationRefused(
            f"A {'custom audience' if is_audience else 'dataset'} is named by its id, which is a number.",
            where="the exposure's sync block, field target",
            fix=f"Copy the id from {'Audience' if is_audience else 'Events'} Manager, and quote it in the yml.",
        )
    return f"/{VERSION}/{number}"


def map_upload(rows: Sequence[Row], answer: Response) -> list[RowResult]:
    """Return one result per row of an answered upload, as far as Meta's counts can tell.

    Raises:
        BatchRefused: Some rows are invalid, and Meta does not say which.
    """
    if answer.status >= 300 and code_of(answer) == TOO_SMALL:
        return [result(CODES, row.key, TOO_SMALL) for row in rows]
    refuse_unless_done(answer)
    received, invalid = answer.body.get("num_received"), answer.body.get("num_invalid_entries")
    if received != len(rows) or not isinstance(invalid, int):
        return [result(CODES, row.key, "miscounted") for row in rows]
    if invalid == 0:
        return same_result(rows, Outcome.APPLIED)
    if invalid >= len(rows):
        return [result(CODES, row.key, "invalid_entry") for row in rows]
    raise BatchRefused("invalid_entry", f"Meta refused {invalid} of {len(rows)} entries without naming them")
