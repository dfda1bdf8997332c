"""Policies for empty values, partial changes and updates: after a run the account equals the feed, as they say."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reverse_etl.destinations import registry
from reverse_etl.destinations.base import Delivery, Mode, NullPolicy
from reverse_etl.destinations.policies import conditional, written
from reverse_etl.rows import Op, Outcome, Row
from sandbox.server import Running

from .accounts import Account, outcomes
from .conftest import make_row

CLEAR_OWN, SKIP, CLEAR, SET_IF_EMPTY = NullPolicy
#: Columns of each kind: a field of the vendor, part of an address, and a property of one's own.
COLUMNS = {"hubspot": ("firstname", "city", "weft_tier"), "klaviyo": ("first_name", "city", "tier")}
NUMBERS = itertools.count()
TO_LIST = Delivery("list", "WINBACK")


def email() -> str:
    return f"policy{next(NUMBERS)}@example.com"


def delivery(name: str, policy: NullPolicy, mode: Mode = Mode.UPSERT) -> Delivery:
    if name == "klaviyo":
        return Delivery("profile", None, mode, nulls=policy) if mode is Mode.UPDATE else replace(TO_LIST, nulls=policy)
    return Delivery("contact", None, mode, nulls=policy)


def person(key: str, values: Mapping[str, Any]) -> Row:
    return Row(key, Op.ADD, {"email": key, **values})


def held(account: Account, key: str) -> dict[str, Any]:
    """What the account holds of a person, column by column."""
    [found] = [record for record in account.account.records if record.get("email") == key]
    flat = {**found, **found.get("properties", {}), **found.get("location", {})}
    return {column: flat[column] for column in COLUMNS[account.name] if flat.get(column)}


def somebody_else_writes(account: Account, key: str, values: Mapping[str, Any]) -> None:
    """Write as another tool at the vendor would."""
    theirs = Account(account.name, account.sandbox, delivery(account.name, SKIP))
    theirs.send(Op.ADD, [person(key, values)])


@pytest.fixture(params=COLUMNS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("policy", NullPolicy)
def test_what_a_new_row_does_to_what_somebody_else_wrote(sandbox: Running, name: str, policy: NullPolicy) -> None:
    account, key = Account(name, sandbox, delivery(name, policy)), email()
    first, second, third = COLUMNS[name]
    somebody_else_writes(account, key, {first: "Theirs", second: "Bonn", third: "gold"})

    results = account.send(Op.ADD, [person(key, {first: "Ours", second: None, third: None})])

    assert outcomes(results) == {"applied"}
    kept = {} if policy is CLEAR else {second: "Bonn", third: "gold"}
    assert held(account, key) == {first: "Theirs" if policy is SET_IF_EMPTY else "Ours", **kept}


@pytest.mark.parametrize("policy", NullPolicy)
def test_what_becomes_of_a_value_that_was_sent_and_is_empty_now(
    sandbox: Running, name: str, policy: NullPolicy
) -> None:
    account, key = Account(name, sandbox, delivery(name, policy)), email()
    first, second, third = COLUMNS[name]
    added = account.send(Op.ADD, [person(key, {first: "Ann", second: "Bonn", third: "gold"})])
    somebody_else_writes(account, key, {first: "Theirs"})
    emptied = person(key, {first: "Ann", second: None, third: None})._replace(
        op=Op.CHANGE, changed=frozenset({second, third}), destination_id=added[key].destination_id
    )

    assert outcomes(account.send(Op.CHANGE, [emptied])) == {"applied"}

    kept = {second: "Bonn", third: "gold"} if policy in (SKIP, SET_IF_EMPTY) else {}
    assert held(account, key) == {first: "Theirs", **kept}  # what did not change was not sent


@pytest.mark.parametrize("policy", NullPolicy)
def test_each_column_can_have_a_policy_of_its_own(sandbox: Running, name: str, policy: NullPolicy) -> None:
    first, second, third = COLUMNS[name]
    mixed = delivery(name, CLEAR)
    mixed = Delivery(mixed.object, mixed.target, mixed.mode, nulls=CLEAR, columns={second: policy, third: SET_IF_EMPTY})
    account, key = Account(name, sandbox, mixed), email()
    somebody_else_writes(account, key, {first: "Theirs", second: "Bonn", third: "gold"})

    account.send(Op.ADD, [person(key, {first: None, second: None, third: "tin"})])

    assert held(account, key) == {third: "gold", **({} if policy is CLEAR else {second: "Bonn"})}


def test_a_field_is_set_where_it_is_empty_and_where_the_record_is_new(sandbox: Running, name: str) -> None:
    account, old, new = Account(name, sandbox, delivery(name, SET_IF_EMPTY)), email(), email()
    first, second, third = COLUMNS[name]
    somebody_else_writes(account, old, {second: "Bonn"})
    values = {first: "Ann", second: "Köln", third: "gold"}

    account.send(Op.ADD, [person(key, values) for key in (old, new)])

    assert held(account, old) == {**values, second: "Bonn"}
    assert held(account, new) == values


def test_an_update_creates_nobody_and_tries_again(sandbox: Running, name: str) -> None:
    account = Account(name, sandbox, delivery(name, CLEAR_OWN, Mode.UPDATE))
    first, _, third = COLUMNS[name]
    there, absent = email(), email()
    somebody_else_writes(account, there, {first: "Theirs"})
    before = len(account.account.records)
    changed = frozenset({"email", third})
    rows = [person(key, {third: "gold"})._replace(op=Op.CHANGE, changed=changed) for key in (there, absent)]

    results = account.send(Op.CHANGE, rows)

    assert (results[there].outcome, results[absent].outcome, results[absent].code) == (
        Outcome.APPLIED,
        Outcome.INFO,
        "not_found",
    )
    assert len(account.account.records) == before
    assert held(account, there) == {first: "Theirs", third: "gold"}


def test_an_update_follows_a_contact_that_was_merged(sandbox: Running) -> None:
    account = Account("hubspot", sandbox, delivery("hubspot", CLEAR_OWN, Mode.UPDATE))
    key = email()
    somebody_else_writes(account, key, {"firstname": "Ann"})
    row = make_row(key, Op.CHANGE, changed=("city",), known_as="7", email=key, city="Bonn", weft_tier="gold")

    assert outcomes(account.send(Op.CHANGE, [row])) == {"applied"}
    assert held(account, key) == {"firstname": "Ann", "city": "Bonn", "weft_tier": "gold"}


def test_a_contact_that_was_deleted_meanwhile_comes_back_whole(sandbox: Running) -> None:
    account, key = Account("hubspot", sandbox, delivery("hubspot", SET_IF_EMPTY)), email()
    row = make_row(key, Op.CHANGE, changed=("city",), known_as="7", email=key, city="Bonn", weft_tier="gold")

    assert outcomes(account.send(Op.CHANGE, [row])) == {"applied"}
    assert held(account, key) == {"city": "Bonn", "weft_tier": "gold"}


def test_a_change_of_one_part_of_an_address_sends_the_whole_address(sandbox: Running) -> None:
    account, key = Account("klaviyo", sandbox), email()
    row = make_row(key, Op.CHANGE, changed=("city",), email=key, city="Bonn", zip="53111", tier="gold")

    account.send(Op.CHANGE, [row])

    [record] = [record for record in account.account.records if record["email"] == key]
    assert (record["location"], record["properties"]) == ({"city": "Bonn", "zip": "53111"}, {})


def test_a_change_that_the_policies_leave_nothing_of_needs_no_call(sandbox: Running) -> None:
    account = Account("hubspot", sandbox, delivery("hubspot", SKIP))
    calls = account.destination.traffic.calls
    row = make_row("a@example.com", Op.CHANGE, changed=("city",), known_as="7", email="a@example.com", city=None)

    results = account.send(Op.CHANGE, [row])

    assert (results[row.key].outcome, results[row.key].code) == (Outcome.APPLIED, "nothing_to_write")
    assert account.destination.traffic.calls == calls


@pytest.mark.parametrize("mode", [Mode.UPSERT, Mode.UPDATE])
@pytest.mark.parametrize("policy", [CLEAR_OWN, SET_IF_EMPTY])
@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "truncate", "server_error"])
def test_calls_that_break_and_are_repeated_write_what_one_call_would(
    sandbox: Running, name: str, kind: str, policy: NullPolicy, mode: Mode
) -> None:
    account = Account(name, sandbox, delivery(name, policy, mode))
    first, second, third = COLUMNS[name]
    found = []
    for skip in (None, 0, 1, 2):
        key = email()
        somebody_else_writes(account, key, {first: "Theirs", second: "Bonn"})
        changed = frozenset({first, second, third})
        row = person(key, {first: "Ours", second: None, third: "gold"})._replace(op=Op.CHANGE, changed=changed)
        if skip is not None:
            sandbox.fault(kind, account.name, skip=skip)
        assert outcomes(account.send(Op.CHANGE, [row])) == {"applied"}
        sandbox.clear_faults()
        found.append(held(account, key))

    assert found == [found[0]] * 4
    assert len([record for record in account.account.records if record["email"] == key]) == 1


VALUES = st.fixed_dictionaries(
    {"email": st.just("a@example.com"), **{column: st.sampled_from([None, "x", "y"]) for column in "abcd"}}
)


@settings(max_examples=300, deadline=None)
@given(
    policies=st.fixed_dictionaries({column: st.sampled_from(NullPolicy) for column in "abcd"}),
    theirs=VALUES,
    feeds=st.lists(VALUES, min_size=1, max_size=4),
    partial=st.booleans(),
)
def test_after_any_history_of_feeds_the_record_equals_the_last_one_under_the_policies(
    policies: dict[str, NullPolicy], theirs: dict[str, Any], feeds: list[dict[str, Any]], partial: bool
) -> None:
    told = Delivery("contact", columns=policies)
    record = {column: value for column, value in theirs.items() if value}
    applied: dict[str, Any] | None = None
    for feed in feeds:
        if feed == applied:
            continue
        changed = frozenset(column for column in feed if applied and feed[column] != applied[column])
        row = Row("a@example.com", Op.CHANGE if applied else Op.ADD, feed, changed)
        for column, value in written(told, row, filled=set(record), whole=not partial).items():
            record[column] = value
        record = {column: value for column, value in record.items() if value}
        applied = feed
    assert applied is not None
    for column, policy in policies.items():
        own = [feed[column] for feed in feeds]
        if policy is SET_IF_EMPTY:
            expected = theirs[column] or next(filter(None, own), None)
        elif policy is SKIP:
            expected = next(filter(None, reversed(own)), theirs[column])
        elif policy is CLEAR:
            expected = own[-1]
        else:
            expected = own[-1] if any(own) else theirs[column]
        assert record.get(column) == expected, (column, policy)


def test_only_what_depends_on_the_record_is_read_first() -> None:
    told = Delivery("contact", columns={"a": SET_IF_EMPTY, "b": CLEAR, "c": SET_IF_EMPTY, "email": SET_IF_EMPTY})
    rows = [make_row("a@b.de", email="a@b.de", a="x", b="x", c=None)]

    assert conditional(told, rows) == ["a"]
    assert conditional(Delivery("contact"), rows) == []


def test_every_object_takes_the_policy_that_a_sync_has_unless_it_says_otherwise() -> None:
    for destination in registry.every():
        for spec in destination.objects.values():
            assert Delivery("any").nulls in spec.nulls
