"""Klaviyo: profiles and list membership, over bulk profile import jobs, and events.

Written from Klaviyo's published OpenAPI files (profiles.json and lists.json, revision 2026-07-15) and the guide "Bulk
Import Profiles API", read on 2026-11-21. A revision is answered for two years after its date (page "API versioning and
deprecation policy", read on 2026-11-21).

A removal takes the profile off the list and leaves its consent as it is. The endpoints that change consent, some of
them for the whole account, are not part of this module. A merge is: it deletes the source profile for good, so it
happens only where a sync says ``on_merge: merge``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

from pydantic import SecretStr

from reverse_etl.destinations.base import (
    Count,
    Delivery,
    Family,
    HttpSettings,
    Member,
    Mode,
    ObjectSpec,
    Page,
    Settings,
)
from reverse_etl.destinations.codes import Codes, inside, result
from reverse_etl.destinations.klaviyo import events
from reverse_etl.destinations.klaviyo.events import EVENT, Events
from reverse_etl.destinations.klaviyo.payloads import (
    CODES,
    NOT_FOUND,
    cleared,
    emptied,
    fields_of,
    filled,
    import_job,
    in_order,
    map_import_errors,
    member,
    profile,
    to_read,
    too_large,
    values_of,
)
from reverse_etl.destinations.klaviyo.profiles import Profiles, code_of, refuse_unless_done
from reverse_etl.destinations.klaviyo.specs import LIST, PROFILE
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.destinations.policies import merged_away
from reverse_etl.errors import DestinationRefused
from reverse_etl.http import HttpClient, encode
from reverse_etl.rows import Op, Outcome, Row, RowResult

REVISION = "2026-07-15"
MEDIA_TYPE = "application/vnd.api+json"
MERGE = "merge-"  #: begins the name under which merges are settled, before the minute that they were queued in
MERGE_MINUTES = "%Y%m%dT%H%M"
MERGE_PATIENCE = timedelta(hours=1)  #: after it a merge is queued again; Klaviyo has no word on how long one takes


class KlaviyoSettings(HttpSettings):
    """A Klaviyo account."""

    base_url: str = "https://a.klaviyo.com"
    api_key: SecretStr


class Klaviyo(HttpDestination):
    """One Klaviyo account."""

    name: ClassVar[str] = "klaviyo"
    label: ClassVar[str] = "Klaviyo"
    family: ClassVar[Family] = Family.MESSAGING
    api_version: ClassVar[str] = REVISION
    api_version_ends: ClassVar[date | None] = date(2028, 7, 15)
    documentation: ClassVar[Sequence[Page]] = (
        Page(
            "Bulk Import Profiles API",
            date(2026, 11, 21),
            "https://developers.klaviyo.com/en/docs/use_klaviyos_bulk_profile_import_api",
        ),
        Page("OpenAPI files, profiles.json and lists.json", date(2026, 11, 21), "https://github.com/klaviyo/openapi"),
        Page("OpenAPI files, events.json", date(2026, 11, 22), "https://github.com/klaviyo/openapi"),
        Page(
            "API versioning and deprecation policy",
            date(2026, 11, 21),
            "https://developers.klaviyo.com/en/docs/api_versioning_and_deprecation_policy",
        ),
    )
    settings_class: ClassVar[type[Settings]] = KlaviyoSettings
    codes: ClassVar[Codes] = CODES
    objects: ClassVar[Mapping[str, ObjectSpec]] = {"list": LIST, "profile": PROFILE, "event": EVENT}

    def __init__(self, settings: Any, http: HttpClient) -> None:
        super().__init__(settings, http)
        self._profiles = Profiles(http)
        self._events = Events(http)

    @classmethod
    def headers(cls, settings: KlaviyoSettings) -> dict[str, str]:
        """Return the headers of every call: the private key and the revision."""
        return {
            "Authorization": f"Klaviyo-API-Key {settings.api_key.get_secret_value()}",
            "revision": REVISION,
            "Accept": MEDIA_TYPE,
            "Content-Type": MEDIA_TYPE,
        }

    def check(self, delivery: Delivery) -> None:
        """Read the list, or the account's lists, to prove that the key works and the list is there."""
        if delivery.object == "event":
            return self._events.check()
        return self._profiles.check(delivery.target)

    def size(self, delivery: Delivery, row: Row) -> int:
        """Return the bytes that a row adds to a body, at most."""
        if delivery.object == "event":
            return events.size(delivery, row)
        if row.op is Op.REMOVE:
            return len(encode(member("0" * 26))) + 1
        known = "0" * 26 if delivery.mode is Mode.UPDATE else None
        return len(encode(profile(values_of(delivery, row), known))) + 1

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Hand a batch to an import job, take it off the list, or queue merges; hand over events."""
        if delivery.object == "event":
            return self._events.send(rows)
        if op is Op.REMOVE:
            return self._remove(delivery, rows)
        if op is Op.MERGE:
            return [self._merge(delivery, row) for row in rows]
        columns = to_read(delivery, rows)
        there = self._there(delivery, rows, columns)
        results: list[RowResult] = []
        sent: list[Row] = []
        profiles: list[dict[str, Any]] = []
        for row in in_order(rows):
            found = there.get(row.key, {})
            values = values_of(delivery, row, filled(found, columns))
            if delivery.mode is Mode.UPDATE and not found:
                results.append(result(CODES, row.key, NOT_FOUND))
            elif too_large(values):
                results.append(result(CODES, row.key, "too_large"))
            elif (refused := self._clear(delivery, row, values)) is not None:
                results.append(refused)
            else:
                sent.append(row)
                profiles.append(profile(values, str(found["id"]) if delivery.mode is Mode.UPDATE else None))
        return [*results, *(self._import(delivery, sent, profiles, there) if sent else [])]

    def settle(self, delivery: Delivery, job_id: str, rows: Sequence[Row]) -> list[RowResult] | None:
        """Ask after an import job, and map its errors to the rows that it was given."""
        if job_id.startswith(MERGE):
            return self._settle_merges(delivery, job_id, rows)
        attributes = self._profiles.job(job_id)
        if attributes is None:
            return [result(CODES, row.key, "job_gone") for row in rows]
        if attributes.get("status") in ("queued", "processing"):
            return None
        if attributes.get("status") != "complete":
            return [result(CODES, row.key, "job_given_up") for row in rows]
        failed, total = (attributes.get(name) for name in ("failed_count", "total_count"))
        errors = [] if failed == 0 else self._profiles.job_errors(job_id)
        failed, total = (number if isinstance(number, int) else None for number in (failed, total))
        return map_import_errors(in_order(rows), errors, failed=failed, total=total)

    def members(self, delivery: Delivery) -> Iterator[Member]:
        """Yield the profiles of the list that have the sync's key."""
        for item in self._profiles.on_list(_required(delivery.target), delivery.key):
            key = inside(item.get("attributes")).get(delivery.key)
            if key and item.get("id"):
                yield Member(str(key), str(item["id"]))

    def count(self, delivery: Delivery) -> Count | None:
        """Return how many profiles the list has."""
        count = self._profiles.count(_required(delivery.target))
        return None if count is None else Count(count, count)

    def _there(self, delivery: Delivery, rows: Sequence[Row], columns: Collection[str]) -> dict[str, dict[str, Any]]:
        """Return the profiles of rows that Klaviyo has, by key; asked for only where it matters."""
        if not columns and delivery.mode is not Mode.UPDATE:
            return {}
        return self._profiles.find(delivery.key, [row.key for row in rows], fields_of(columns, delivery.key))

    def _import(
        self,
        delivery: Delivery,
        rows: Sequence[Row],
        profiles: Sequence[Mapping[str, Any]],
        there: Mapping[str, Mapping[str, Any]],
    ) -> list[RowResult]:
        job_id = self._profiles.import_all(import_job(delivery.target, profiles))
        if job_id is None:
            return [result(CODES, row.key, "no_job") for row in rows]
        ids = {key: str(item["id"]) for key, item in there.items()}
        return [
            RowResult(row.key, Outcome.ACCEPTED, job_id=job_id, destination_id=ids.get(row.key, row.destination_id))
            for row in rows
        ]

    def _clear(self, delivery: Delivery, row: Row, values: Mapping[str, Any]) -> RowResult | None:
        """Empty the fields of one profile that an import job cannot empty; return a result only if that was refused."""
        body = cleared(values, delivery.key)
        if body is None:
            return None
        answer = self._profiles.import_one(body)
        return None if answer.status < 300 else result(CODES, row.key, code_of(answer))

    def _remove(self, delivery: Delivery, rows: Sequence[Row]) -> list[RowResult]:
        """Take rows off the list: whom Klaviyo knows by the key now, and whom the sync knew by it before.

        The two differ after a merge at Klaviyo, whose survivor has another id, and after a change of address there.
        """
        target = _required(delivery.target)
        known = {row.key: row.destination_id for row in rows if row.destination_id}
        found = self._profiles.ids(delivery.key, [row.key for row in rows])
        self._profiles.take_off(target, sorted(set(found.values())))
        self._profiles.take_off(target, sorted(set(known.values()) - set(found.values())), may_be_gone=True)
        ids = known | found
        return [
            RowResult(row.key, Outcome.APPLIED, destination_id=ids[row.key])
            if row.key in ids
            else result(CODES, row.key, "no_profile")
            for row in rows
        ]

    def _merge(self, delivery: Delivery, row: Row) -> RowResult:
        """Queue the merge of one row's profile into another.

        What the sync wrote and the other one has no value for is emptied first.
        """
        columns = merged_away(delivery, row)
        source = self._find(delivery, row.key, row.destination_id, columns)
        into = self._find(delivery, row.into or "", row.into_id, columns)
        done = _merged(row.key, source["id"] if source else None, into["id"] if into else None)
        if done is not None or source is None or into is None:
            return done or result(CODES, row.key, "no_survivor")
        carried = filled(source, columns) - filled(into, columns)
        if carried:
            answer = self._profiles.import_one(emptied(str(source["id"]), carried))
            if answer.status >= 300:
                return result(CODES, row.key, code_of(answer))
        answer = self._profiles.merge(str(source["id"]), str(into["id"]))
        if answer.status == 404:  # merged or deleted between the calls
            return result(CODES, row.key, "no_survivor")
        refuse_unless_done(answer, "the profiles were not merged")
        return RowResult(row.key, Outcome.ACCEPTED, job_id=f"{MERGE}{datetime.now(UTC):{MERGE_MINUTES}}")

    def _find(
        self, delivery: Delivery, key: str, profile_id: str | None, columns: Collection[str]
    ) -> dict[str, Any] | None:
        """Return a profile by its key, else by the id that it was known by."""
        fields = fields_of(columns, delivery.key)
        found = self._profiles.find(delivery.key, [key], fields).get(key)
        if found is None and profile_id:
            found = self._profiles.find("id", [profile_id], fields).get(profile_id)
        return found

    def _settle_merges(self, delivery: Delivery, job_id: str, rows: Sequence[Row]) -> list[RowResult] | None:
        """Say whether merges were done: there is no job to ask after, so Klaviyo is asked for the sources."""
        keys = [key for row in rows for key in (row.key, row.into or "") if key]
        ids = self._profiles.ids(delivery.key, list(dict.fromkeys(keys)))
        known = {row.destination_id: row.key for row in rows if row.destination_id and row.key not in ids}
        ids |= {known[profile_id]: profile_id for profile_id in self._profiles.ids("id", list(known))}
        results = {row.key: _merged(row.key, ids.get(row.key), ids.get(row.into or "")) for row in rows}
        queued = datetime.strptime(job_id.removeprefix(MERGE), MERGE_MINUTES).replace(tzinfo=UTC)
        if None in results.values() and datetime.now(UTC) - queued < MERGE_PATIENCE:
            return None
        return [found or result(CODES, key, "unconfirmed") for key, found in results.items()]


def _merged(key: str, source: str | None, into: str | None) -> RowResult | None:
    """Return the result of a row whose profile is gone or is the other one; ``None`` where it is still there."""
    if source is None:
        return result(CODES, key, "no_profile")
    return result(CODES, key, "already_merged") if source == into else None


def _required(target: str | None) -> str:
    if target is None:
        raise DestinationRefused(
            "It is not said which of Klaviyo's lists is meant.",
            where="the exposure's sync block, field target",
            fix="Name the list's id.",
        )
    return target
