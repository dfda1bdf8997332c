"""A campaign of Salesforce: its members come and go, and the contacts stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from reverse_etl.destinations.base import Count, Delivery, Destination
from reverse_etl.destinations.registry import connect
from reverse_etl.destinations.salesforce.destination import Salesforce
from reverse_etl.errors import DestinationRefused
from reverse_etl.rows import Op, Outcome, Row, RowResult
from sandbox.salesforce.api import CAMPAIGN
from sandbox.server import Running

from ..conftest import make_row
from .case import row, settings

DELIVERY = Delivery("campaign_member", CAMPAIGN, key="email")


@pytest.fixture
def salesforce(sandbox: Running) -> Destination:
    return connect("salesforce", settings(sandbox), sleep=lambda seconds: None)


def people(salesforce: Destination, prefix: str, count: int, **values: Any) -> list[Row]:
    """Create contacts, and return rows that put them into the campaign."""
    given = [
        row(number) | {"weft_id__c": f"{prefix}{number}", "email": f"{prefix}{number}@x.example"}
        for number in range(count)
    ]
    contacts = Delivery("record", "Contact", key="weft_id__c")
    salesforce.send(contacts, Op.ADD, [make_row(one["weft_id__c"], **one) for one in given])
    return [make_row(one["email"], email=one["email"], **values) for one in given]


def told(results: Sequence[RowResult]) -> list[tuple[str, str]]:
    return [(one.outcome.value, one.code) for one in results]


def test_members_come_change_and_go_and_contacts_stay(salesforce: Destination, sandbox: Running) -> None:
    account = sandbox.accounts["salesforce"]
    rows = people(salesforce, "come", 3, status="Sent")
    nobody = make_row("nobody@x.example", email="nobody@x.example", status="Sent")
    contacts = account.members("Contact")

    added = salesforce.send(DELIVERY, Op.ADD, [*rows, nobody])
    assert told(added) == [("applied", "")] * 3 + [("info", "no_contact")]
    assert salesforce.count(DELIVERY) == Count(3, 3)
    assert {one.key for one in salesforce.members(DELIVERY)} == {one.key for one in rows}

    changed = [
        one._replace(op=Op.CHANGE, payload={**one.payload, "status": "Responded"}, changed=frozenset({"status"}))
        for one in rows
    ]
    assert told(salesforce.send(DELIVERY, Op.CHANGE, changed)) == [("applied", "")] * 3
    assert {member["Status"] for member in account.members(CAMPAIGN)} == {"Responded"}

    leaving = [rows[0]._replace(destination_id=added[0].destination_id), rows[1], nobody]
    gone = [("applied", ""), ("applied", ""), ("applied", "no_record")]
    assert told(salesforce.send(DELIVERY, Op.REMOVE, leaving)) == gone
    assert told(salesforce.send(DELIVERY, Op.REMOVE, leaving)) == [("applied", "no_record")] * 3
    assert account.lists[CAMPAIGN] == 1
    assert account.members("Contact") == contacts


def test_putting_somebody_in_twice_makes_one_member(salesforce: Destination, sandbox: Running) -> None:
    rows = people(salesforce, "twice", 2)
    first = salesforce.send(DELIVERY, Op.ADD, rows)
    sandbox.fault("drop_after", "salesforce", method="POST", path="/composite/sobjects$")

    again = salesforce.send(DELIVERY, Op.ADD, [*rows, *people(salesforce, "late", 1)])
    assert told(again) == [("applied", ""), ("applied", ""), ("applied", "already_member")]
    assert [one.destination_id for one in again[:2]] == [one.destination_id for one in first]

    upper = make_row(rows[0].key.upper(), email=rows[0].key.upper())
    assert told(salesforce.send(DELIVERY, Op.ADD, [rows[0], upper])) == [("applied", ""), ("applied", "already_member")]


def test_a_refused_value_stands_alone(salesforce: Destination) -> None:
    rows = people(salesforce, "bad", 2, status="Sent")
    rows[0] = rows[0]._replace(payload={**rows[0].payload, "status": "Slept"})
    results = salesforce.send(DELIVERY, Op.ADD, rows)
    assert [one.outcome for one in results] == [Outcome.PERMANENT, Outcome.APPLIED]


@pytest.mark.parametrize(
    ("delivery", "expected"),
    [
        (replace(DELIVERY, target="701000000000009AAA"), "no such campaign"),
        (replace(DELIVERY, target="701' OR Name != '"), "not the id of a campaign"),
        (replace(DELIVERY, key="lastname"), "External ID"),
        (replace(DELIVERY, fields=frozenset({"email", "profile_id", "shoe"})), "shoe"),
    ],
)
def test_what_does_not_fit_is_told_before_the_first_batch(
    salesforce: Destination, delivery: Delivery, expected: str
) -> None:
    with pytest.raises(DestinationRefused) as refused:
        salesforce.check(delivery)
    assert expected in str(refused.value)
    salesforce.check(replace(DELIVERY, fields=frozenset({"email", "profile_id", "status"})))


def test_nothing_but_a_membership_can_be_taken_away(salesforce: Destination) -> None:
    assert isinstance(salesforce, Salesforce)
    with pytest.raises(ValueError, match="memberships"):
        salesforce._org.end_memberships(["00v000000000001AAA", "003000000000001AAA"])
    [contact] = people(salesforce, "wrong", 1)
    [known] = salesforce.send(DELIVERY, Op.ADD, [contact])
    wrong = contact._replace(op=Op.REMOVE, destination_id="003100000000001AAA")
    assert told(salesforce.send(DELIVERY, Op.REMOVE, [wrong])) == [("applied", "")]
    assert known.destination_id
