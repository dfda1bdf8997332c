"""Merges, members and counts at the simulated accounts: what is folded, what is told, and what is left alone."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from reverse_etl.destinations import registry
from reverse_etl.destinations.base import Count, Delivery, Member, NullPolicy
from reverse_etl.destinations.klaviyo.destination import MERGE
from reverse_etl.destinations.over_http import HttpDestination
from reverse_etl.rows import Op, Outcome, Row, RowResult
from sandbox.server import Running

from .accounts import DELIVERIES, Account, open_destination
from .conftest import make_row

NUMBERS = itertools.count()
#: Columns of each kind: a field of the vendor and a property of one's own.
COLUMNS = {"hubspot": ("firstname", "weft_tier"), "klaviyo": ("first_name", "tier")}


@pytest.fixture(params=COLUMNS)
def account(request: pytest.FixtureRequest, sandbox: Running) -> Account:
    return Account(request.param, sandbox)


class Pair:
    """Two people in an account who turned out to be one."""

    def __init__(self, account: Account, loser: Mapping[str, Any], into: Mapping[str, Any]) -> None:
        number = next(NUMBERS)
        self.account = account
        self.loser, self.into = f"loser{number}@example.com", f"into{number}@example.com"
        rows = [Row(key, Op.ADD, {"email": key, **values}) for key, values in ((self.loser, loser), (self.into, into))]
        account.send(Op.ADD, rows)
        self.payload = rows[0].payload

    def merge(self, loser_id: str | None = None, into_id: str | None = None) -> RowResult:
        row = Row(self.loser, Op.MERGE, self.payload, frozenset(), loser_id, self.into, into_id)
        return self.account.send(Op.MERGE, [row])[self.loser]

    @property
    def left(self) -> list[dict[str, Any]]:
        """What is left of the two, column by column."""
        found = [
            {**record, **record.get("properties", {})}
            for record in self.account.account.records
            if record.get("email") in (self.loser, self.into)
        ]
        columns = ("email", *COLUMNS[self.account.name])
        return [{column: record[column] for column in columns if record.get(column)} for record in found]


def test_a_merge_leaves_one_record_with_the_values_that_the_sync_gave_it(account: Account) -> None:
    first, second = COLUMNS[account.name]
    pair = Pair(account, {first: "Lo", second: "tin"}, {first: "In"})

    assert pair.merge().outcome is Outcome.APPLIED

    # What the sync wrote of the other person does not live on where this person has no value.
    assert pair.left == [{"email": pair.into, first: "In"}]


def test_what_others_wrote_of_the_person_lives_on(account: Account) -> None:
    first, second = COLUMNS[account.name]
    pair = Pair(account, {first: "Lo", second: "tin"}, {second: "gold"})
    pair.payload = {"email": pair.loser, second: "tin"}  # the sync knows of this column alone

    assert pair.merge().outcome is Outcome.APPLIED
    assert pair.left == [{"email": pair.into, first: "Lo", second: "gold"}]


def test_values_that_no_empty_value_would_empty_live_on_as_well(account: Account) -> None:
    first, second = COLUMNS[account.name]
    skip = NullPolicy.SKIP
    account.delivery = Delivery(account.delivery.object, account.delivery.target, nulls=skip)
    pair = Pair(account, {first: "Lo", second: "tin"}, {})

    pair.merge()

    assert pair.left == [{"email": pair.into, first: "Lo", second: "tin"}]


def test_repeating_a_merge_does_no_harm(account: Account) -> None:
    pair = Pair(account, {}, {})

    results = [pair.merge(), pair.merge(), pair.merge("7", "8")]

    assert {result.outcome for result in results} == {Outcome.APPLIED}
    assert {result.code for result in results} <= {"", "no_contact", "no_profile", "already_merged"}
    assert pair.left == [{"email": pair.into}]


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "truncate", "server_error"])
@pytest.mark.parametrize("skip", range(4))
def test_a_merge_whose_calls_break_is_done_once(account: Account, sandbox: Running, kind: str, skip: int) -> None:
    first, second = COLUMNS[account.name]
    pair = Pair(account, {first: "Lo", second: "tin"}, {first: "In"})
    sandbox.fault(kind, account.name, skip=skip)

    assert pair.merge().outcome is Outcome.APPLIED
    assert pair.left == [{"email": pair.into, first: "In"}]


def test_who_is_not_there_needs_no_merge_and_who_is_needed_is_waited_for(account: Account) -> None:
    pair = Pair(account, {}, {})
    there, pair.loser = pair.loser, "nobody@example.com"
    gone = pair.merge()
    pair.loser, pair.into = there, "nobody@example.com"
    early = pair.merge()

    assert (gone.outcome, gone.code in ("no_contact", "no_profile")) == (Outcome.APPLIED, True)
    assert (early.outcome, early.code) == (Outcome.INFO, "no_survivor")
    assert pair.left == [{"email": there}]


def test_a_record_whose_address_was_changed_there_is_found_by_the_id_that_it_was_known_by(account: Account) -> None:
    pair = Pair(account, {}, {})
    ids = {record["email"]: record["id"] for record in records_with_ids(account)}
    moved = f"moved{pair.loser}"
    account.account._store.execute(
        "update records set email = ?, data = replace(data, ?, ?) where id = ?",
        moved,
        pair.loser,
        moved,
        ids[pair.loser],
    )

    assert pair.merge(ids[pair.loser], ids[pair.into]).outcome is Outcome.APPLIED
    assert pair.left == [{"email": pair.into}]
    assert moved not in {record["email"] for record in account.account.records}


def records_with_ids(account: Account) -> list[dict[str, Any]]:
    return account.account._store.query("select id, email from records where account = ?", account.name)


def test_many_who_are_one_person_are_folded_one_after_the_other(account: Account) -> None:
    pairs = [Pair(account, {}, {}) for _ in range(3)]
    for pair in pairs[1:]:
        pair.into = pairs[0].into
    ids = {record["email"]: record["id"] for record in records_with_ids(account)}

    results = [pair.merge(ids[pair.loser], ids[pair.into]) for pair in pairs]

    assert {result.outcome for result in results} == {Outcome.APPLIED}
    assert [pair.left for pair in pairs] == [[{"email": pairs[0].into}]] * 3


def test_a_klaviyo_merge_is_done_when_its_source_is_gone_and_is_queued_again_after_an_hour(sandbox: Running) -> None:
    account = Account("klaviyo", sandbox)
    pair = Pair(account, {}, {})
    sandbox.fault("job_stuck", "klaviyo", path="profile-merge")
    row = Row(pair.loser, Op.MERGE, pair.payload, into=pair.into)

    [queued] = account.destination.send(account.delivery, Op.MERGE, [row])
    assert queued.outcome is Outcome.ACCEPTED
    assert pair.loser not in str(queued.job_id)
    assert account.destination.settle(account.delivery, str(queued.job_id), [row]) is None
    [late] = account.destination.settle(account.delivery, f"{MERGE}20260101T0000", [row]) or []
    assert (late.outcome, late.code) == (Outcome.TRANSIENT, "unconfirmed")

    sandbox.clear_faults()
    assert [found.outcome for found in account.wait(str(queued.job_id), [row])] == [Outcome.APPLIED]


def test_nothing_but_a_merge_merges(sandbox: Running) -> None:
    for name in COLUMNS:
        account = Account(name, sandbox)
        before = len(account.account.calls)
        row = make_row("calm@example.com", email="calm@example.com")
        for op in (Op.ADD, Op.CHANGE, Op.REMOVE):
            account.send(op, [row._replace(op=op, into="other@example.com", into_id="1")])

        assert not [call["path"] for call in account.account.calls[before:] if "merge" in call["path"]]


def test_a_klaviyo_list_tells_its_members_and_their_number(sandbox: Running) -> None:
    sandbox.accounts["klaviyo"].create_list("TELL", "Tell")
    account = Account("klaviyo", sandbox, Delivery("list", "TELL"))
    emails = [f"member{n}@example.com" for n in range(130)]
    account.send(Op.ADD, [make_row(email, email=email, external_id=email[:9]) for email in emails])
    account.send(Op.ADD, [make_row("+4915112345678", phone_number="+4915112345678")])

    members = list(account.destination.members(account.delivery))

    assert {member.key for member in members} >= set(emails)
    assert all(isinstance(member, Member) and member.destination_id for member in members)
    held = account.account.lists["TELL"]
    assert account.destination.count(account.delivery) == Count(held, held) == Count(131, 131)
    by_id = {member.key for member in account.destination.members(Delivery("list", "TELL", key="external_id"))}
    assert by_id == {email[:9] for email in emails}


def test_hubspot_counts_the_contacts_that_have_a_property_of_ours(sandbox: Running) -> None:
    account = Account("hubspot", sandbox)
    before = account.members
    account.send(Op.ADD, [make_row(f"c{n}@example.com", email=f"c{n}@example.com", weft_tier="a") for n in range(3)])

    count = account.destination.count(account.delivery)
    assert count == Count(account.members, account.members) == Count(before + 3, before + 3)

    many = {f"weft_p{n}": "x" for n in range(9)}
    account.send(Op.ADD, [Row("many@example.com", Op.ADD, {"email": "many@example.com", **many})])
    count = account.destination.count(account.delivery)
    assert count is not None
    assert count.low <= account.members <= count.high
    assert count.low < count.high


@pytest.mark.parametrize(("low", "high", "told"), [(1_000, 1_200, Count(1_000, 1_200)), (-1, -1, None)])
def test_meta_tells_bounds_or_nothing_yet(
    sandbox: Running, monkeypatch: pytest.MonkeyPatch, low: int, high: int, told: Count | None
) -> None:
    account = Account("meta", sandbox)
    destination = account.destination
    assert isinstance(destination, HttpDestination)
    real = destination.http.request
    bounds = {"approximate_count_lower_bound": low, "approximate_count_upper_bound": high}

    def request(*args: Any, **options: Any) -> Any:
        answer = real(*args, **options)
        return type(answer)(answer.status, answer.headers, {**answer.body, **bounds})

    assert account.destination.count(account.delivery) is not None
    monkeypatch.setattr(type(destination.http), "request", lambda self, *args, **options: request(*args, **options))
    assert account.destination.count(account.delivery) == told


@pytest.mark.parametrize("name", DELIVERIES)
def test_what_an_object_does_not_declare_cannot_be_asked_of_it(sandbox: Running, name: str) -> None:
    told = DELIVERIES[name]
    if not registry.get(name).objects[told.object].lists_members:
        with pytest.raises(TypeError, match="does not tell"):
            next(iter(open_destination(name, sandbox).members(told)))
