"""The contacts of a campaign: put into it and taken out of it again, without a change to the contacts themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from reverse_etl.destinations.base import Count, Delivery, Member, Mode
from reverse_etl.destinations.codes import inside, result
from reverse_etl.destinations.policies import written
from reverse_etl.destinations.salesforce.codes import CODES, GONE, NO_RECORD
from reverse_etl.destinations.salesforce.fields import ID, Thing
from reverse_etl.destinations.salesforce.org import MEMBERSHIPS, Org
from reverse_etl.destinations.salesforce.payloads import map_collection
from reverse_etl.errors import DestinationRefused
from reverse_etl.rows import Op, Outcome, Row, RowResult

MEMBER = "CampaignMember"
PERSON = "Contact"
ALREADY = "already_member"

_CAMPAIGN = re.compile(r"701[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?")


class Campaigns:
    """The campaigns of one org."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def check(self, delivery: Delivery, person: Thing, member: Thing) -> None:
        """Make sure that the campaign is there, and that the feed fits it.

        Raises:
            DestinationRefused: It is not, or does not.
        """
        campaign = _campaign(delivery)
        if not self._org.query(f"SELECT Id FROM Campaign WHERE Id IN ('{campaign}')"):
            raise DestinationRefused(
                "Salesforce has no such campaign, or the connection's user cannot see it.",
                where="the exposure's sync block, field target",
                fix="Use the id of a campaign, which begins with 701, and make the user a marketing user.",
            )
        person.refuse_unless_key(Mode.UPSERT, delivery.key)
        member.refuse_unless_writable(Mode.UPSERT, delivery.fields - {"profile_id", delivery.key})

    def put(self, delivery: Delivery, person: Thing, member: Thing, rows: Sequence[Row]) -> list[RowResult]:
        """Make the contacts of rows members, or write to the memberships that they have."""
        campaign = _campaign(delivery)
        people, results = self._people(person, delivery.key, rows)
        there = self._memberships(campaign, list(people.values()))
        new: dict[str, Row] = {}
        known: dict[str, Row] = {}
        for row in rows:
            contact = people.get(row.key, "")
            if contact in new or there.get(contact) in known:
                results[row.key] = result(CODES, row.key, ALREADY)  # two keys of one contact
            elif contact in there:
                known[there[contact]] = row
            elif contact:
                new[contact] = row
        made = [
            {"CampaignId": campaign, "ContactId": contact, **self._values(delivery, member, row)}
            for contact, row in new.items()
        ]
        changes = {one: self._values(delivery, member, row) for one, row in known.items()}
        changed = {one: values for one, values in changes.items() if values}
        results |= {row.key: RowResult(row.key, Outcome.APPLIED, destination_id=one) for one, row in known.items()}
        answers = self._org.insert(MEMBER, made) if made else []
        results |= {one.key: one for one in map_collection([row.key for row in new.values()], answers)}
        answers = self._org.update(MEMBER, [{ID: one, **values} for one, values in changed.items()]) if changed else []
        results |= {one.key: one for one in map_collection([known[one].key for one in changed], answers)}
        # Somebody else put them in between the question and the call, or an attempt before this one did.
        return [
            result(CODES, row.key, ALREADY) if results[row.key].code == "DUPLICATE_VALUE" else results[row.key]
            for row in rows
        ]

    def take_out(self, delivery: Delivery, person: Thing, rows: Sequence[Row]) -> list[RowResult]:
        """End the memberships of rows."""
        memberships = {row.key: row.destination_id or "" for row in rows}
        memberships = {key: one for key, one in memberships.items() if one.startswith(MEMBERSHIPS)}
        people, _ = self._people(person, delivery.key, [row for row in rows if row.key not in memberships])
        there = self._memberships(_campaign(delivery), list(people.values()))
        memberships |= {key: there[contact] for key, contact in people.items() if contact in there}
        ids = list(dict.fromkeys(memberships.values()))
        told = {one.key: one for one in map_collection(ids, self._org.end_memberships(ids) if ids else [])}
        results = []
        for row in rows:
            found = told.get(memberships.get(row.key, ""))
            if found is None or found.code in GONE:
                found = result(CODES, row.key, NO_RECORD)
            results.append(found._replace(key=row.key))
        return results

    def members(self, delivery: Delivery, person: Thing) -> Iterator[Member]:
        """Yield the contacts of a campaign that have the sync's key."""
        field = person.field(delivery.key)
        query = f"SELECT Id, {PERSON}.{field} FROM {MEMBER} WHERE CampaignId = '{_campaign(delivery)}'"
        for found in self._org.query(query):
            key = inside(found.get(PERSON)).get(field)
            if key:
                yield Member(str(key), str(found.get(ID)))

    def count(self, delivery: Delivery) -> Count | None:
        """Return how many members a campaign has, leads among them."""
        total = self._org.total(f"SELECT COUNT() FROM {MEMBER} WHERE CampaignId = '{_campaign(delivery)}'")
        return None if total is None else Count(total, total)

    @staticmethod
    def _values(delivery: Delivery, member: Thing, row: Row) -> dict[str, Any]:
        values = written(delivery, row, whole=row.op is not Op.CHANGE)
        return member.record({column: value for column, value in values.items() if column != delivery.key})

    def _people(self, person: Thing, key: str, rows: Sequence[Row]) -> tuple[dict[str, str], dict[str, RowResult]]:
        """Return the contacts of rows by the row's key, and a result for those that have none, or several."""
        found = self._org.find(person, person.field(key), [row.key for row in rows]) if rows else {}
        people, results = {}, {}
        for row in rows:
            records = found.get(row.key.lower(), [])
            if len(records) == 1:
                people[row.key] = str(records[0].get(ID))
            else:
                results[row.key] = result(CODES, row.key, "DUPLICATE_EXTERNAL_ID" if records else "no_contact")
        return people, results

    def _memberships(self, campaign: str, contacts: Sequence[str]) -> dict[str, str]:
        """Return the memberships in a campaign by their contact."""
        if not contacts:
            return {}
        named = ",".join(f"'{contact}'" for contact in contacts)
        query = f"SELECT Id, ContactId FROM {MEMBER} WHERE CampaignId = '{campaign}' AND ContactId IN ({named})"
        return {str(found.get("ContactId")): str(found.get(ID)) for found in self._org.query(query)}


def _campaign(delivery: Delivery) -> str:
    """Return the target, which queries are made of."""
    campaign = delivery.target or ""
    if not _CAMPAIGN.fullmatch(campaign):
        raise DestinationRefused(
            "The target is not the id of a campaign of Salesforce.",
            where="the exposure's sync block, field target",
            fix="Use the id from the campaign's address, which begins with 701.",
        )
    return campaign
