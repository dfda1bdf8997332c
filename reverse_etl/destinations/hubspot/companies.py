"""HubSpot's companies: upserted by a property of one's own that is unique, or found by domain, which is not.

HubSpot refuses an upsert by ``domain`` ("Unable to perform update/upsert by non-unique 0-2 property domain"), and
companies that are created over the API are not deduplicated by it. So companies keyed by domain are searched for,
updated by id, and created where the search finds none.

Sources as in :mod:`reverse_etl.destinations.hubspot.destination`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reverse_etl.destinations.base import Delivery, Mode, ObjectSpec, RowErrors
from reverse_etl.destinations.codes import result
from reverse_etl.destinations.hubspot.payloads import CODES, DOMAIN, NOT_FOUND, OURS
from reverse_etl.destinations.hubspot.records import CALLS, Records, filled
from reverse_etl.destinations.hubspot.writing import Writing
from reverse_etl.destinations.policies import ALL, conditional
from reverse_etl.errors import DestinationRefused
from reverse_etl.http import HttpClient
from reverse_etl.rows import Op, Row, RowResult

COMPANY = ObjectSpec(
    row_errors=RowErrors.BY_KEY,
    modes=frozenset({Mode.MIRROR, Mode.UPSERT, Mode.UPDATE, Mode.APPEND}),
    keys=frozenset(),  # any: the domain, or a property of one's own that is unique
    columns=frozenset({DOMAIN, "name"}),
    identifiers={},
    limits={Op.ADD: CALLS, Op.CHANGE: CALLS, Op.REMOVE: CALLS},
    removal_empties=OURS,
    removal=f"The properties of the feed that begin with {OURS} are emptied; all else of the company stays.",
    nulls=ALL,
    sends_changes=True,
    counts=True,
    concurrency=10,
)


class Companies(Writing):
    """The companies of one account."""

    def __init__(self, http: HttpClient) -> None:
        super().__init__(Records(http, "companies"))

    def check(self, delivery: Delivery) -> None:
        """Make sure, beside what holds for all records, that the key is unique there."""
        super().check(delivery)
        if delivery.key == DOMAIN:
            return
        properties = self.records.properties()
        if properties is not None and not properties.get(delivery.key, {}).get("hasUniqueValue"):
            raise DestinationRefused(
                f"HubSpot's companies cannot be found by {delivery.key!r}: it is not a property with unique values.",
                where="the exposure's sync block, field key",
                fix="Create one with unique values, which a property cannot get later, or use domain.",
            )

    def upsert(self, delivery: Delivery, rows: Mapping[str, Row], lost: set[str]) -> dict[str, RowResult]:
        """Create or update companies; by domain, those that a search finds are updated and the others created."""
        if delivery.key != DOMAIN:
            return super().upsert(delivery, rows, lost)
        results = self.update_by_key(delivery, rows, set(rows))
        new = [row for key, row in rows.items() if results[key].code == NOT_FOUND]
        if new:
            created = self.records.create(self.inputs(delivery, new), DOMAIN)
            results |= {found.key: found for found in created}
        return results

    def update_by_key(self, delivery: Delivery, rows: Mapping[str, Row], lost: set[str]) -> dict[str, RowResult]:
        """Update the companies that are there; by domain, those that a search finds."""
        if delivery.key != DOMAIN:
            return super().update_by_key(delivery, rows, lost)
        columns = conditional(delivery, rows.values())
        found = self.records.search(list(rows), DOMAIN, columns)
        there = {key: filled(company, columns) for key, company in found.items()}
        results = {key: result(CODES, key, NOT_FOUND) for key in rows}
        waiting = {key: str(company["id"]) for key, company in found.items()}
        while waiting:  # one company can have several domains of a batch, and is written once in a call
            named: dict[str, Row] = {}
            for key, company_id in waiting.items():
                named.setdefault(company_id, rows[key])
            results |= self.update(delivery, named, None, whole=lost, there=there)
            waiting = {key: company_id for key, company_id in waiting.items() if named[company_id].key != key}
        return results

    def ids(self, delivery: Delivery, keys: Sequence[str]) -> dict[str, str]:
        """Return the ids of the companies that there are with these keys, by the key."""
        if delivery.key != DOMAIN:
            return super().ids(delivery, keys)
        return {key: str(found["id"]) for key, found in self.records.search(keys, DOMAIN).items()}
