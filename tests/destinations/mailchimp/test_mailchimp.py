"""Mailchimp: what is asked of it, what its answers allow to be said, and that nobody is subscribed again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import responses
from pydantic import SecretStr, ValidationError

from conformance.case import Stage
from reverse_etl.destinations.base import Count, Delivery, Destination, Mode
from reverse_etl.destinations.mailchimp.destination import MailchimpSettings
from reverse_etl.destinations.registry import connect
from reverse_etl.errors import BatchRefused, DestinationDown, DestinationRefused
from reverse_etl.kinds import Kind
from reverse_etl.rows import Op, Row, RowResult
from sandbox.mailchimp.members import hash_of
from sandbox.server import Running
from tests.destinations.conftest import FakeTime, make_row

from .case import AUDIENCE, settings

KEY = "0123456789abcdef0123456789abcdef-us6"
URL = f"https://us6.api.mailchimp.com/3.0/lists/{AUDIENCE}"
MEMBERS = Delivery("member", AUDIENCE, key="email_address")
TAG = Delivery("tag", f"{AUDIENCE}/win-back", Mode.MIRROR, key="email_address")
NAMES = ("anna", "bea", "cem")


@pytest.fixture
def mailchimp(fake_time: FakeTime) -> Destination:
    return connect("mailchimp", MailchimpSettings(api_key=SecretStr(KEY)), sleep=fake_time.sleep, clock=fake_time.clock)


@pytest.fixture
def account(sandbox: Running, fake_time: FakeTime) -> Destination:
    return connect("mailchimp", settings(Stage(sandbox, Path())), sleep=fake_time.sleep, clock=fake_time.clock)


def row(name: str, op: Op = Op.ADD, **values: Any) -> Row:
    email = f"{name}@example.com"
    return make_row(email, op, email_address=email, **values)


def outcomes(results: list[RowResult]) -> dict[str, tuple[str, str]]:
    return {result.key.split("@")[0]: (result.outcome.value, result.code) for result in results}


def listed(*names: str, **more: Any) -> list[dict[str, Any]]:
    return [{"email_address": f"{name}@example.com", **more} for name in names]


def merge_fields(*tags: str) -> None:
    responses.get(f"{URL}/merge-fields", json={"merge_fields": [{"tag": tag} for tag in tags]})


def test_the_address_follows_from_the_key_unless_it_is_given() -> None:
    assert MailchimpSettings(api_key=SecretStr(KEY)).base_url == "https://us6.api.mailchimp.com"
    own = MailchimpSettings(base_url="https://proxy.example.com", api_key=SecretStr("token"))
    assert own.base_url == "https://proxy.example.com"
    for wrong in ("0123456789abcdef", "key-us6.evil.example.com/", "key-US6"):
        with pytest.raises(ValidationError, match="data centre"):
            MailchimpSettings(api_key=SecretStr(wrong))


@responses.activate
def test_a_member_is_sent_without_a_standing_but_for_a_new_one(mailchimp: Destination) -> None:
    merge_fields("FNAME", "LTV")
    call = responses.post(URL, json={"new_members": listed("anna")})

    mailchimp.send(MEMBERS, Op.ADD, [row("anna", fname="Anna", ltv=7, vip=True, language=None)])

    request = call.calls[0].request
    assert request.headers["Authorization"].startswith("Basic ")
    assert "skip_merge_validation=true" in str(request.url)
    assert json.loads(request.body or b"") == {
        "members": [
            {
                "email_address": "anna@example.com",
                "status_if_new": "transactional",
                "vip": True,
                "merge_fields": {"FNAME": "Anna", "LTV": 7},
            }
        ],
        "update_existing": True,
    }


def test_who_unsubscribed_stays_so(account: Destination, sandbox: Running) -> None:
    account.send(MEMBERS, Op.ADD, [row("new", fname="Nora", status_if_new="subscribed")])
    gone = {"email_address": "gone@example.com", "status": "unsubscribed", "merge_fields": {}}
    sandbox.sandbox.store.add_members("mailchimp", AUDIENCE, [(hash_of("gone@example.com"), gone)])

    account.send(MEMBERS, Op.ADD, [row("gone", fname="Gustav", status_if_new="subscribed")])

    standing = {one["email_address"]: one["status"] for one in sandbox.accounts["mailchimp"].members(AUDIENCE)}
    assert standing["new@example.com"] == "subscribed"
    assert standing["gone@example.com"] == "unsubscribed"


@responses.activate
def test_a_standing_that_is_none_is_not_sent(mailchimp: Destination) -> None:
    merge_fields()
    wrong = row("anna", status_if_new="cleaned")

    assert outcomes(mailchimp.send(MEMBERS, Op.ADD, [wrong])) == {"anna": ("permanent", "invalid_status")}


@responses.activate
def test_a_change_carries_what_changed_and_empties_with_the_empty_text(mailchimp: Destination) -> None:
    merge_fields("FNAME", "TIER")
    call = responses.post(URL, json={"updated_members": listed("anna")})
    changed = row("anna", Op.CHANGE, changed=("tier",), fname="Anna", tier=None)
    only_for_new = row("bea", Op.CHANGE, changed=("status_if_new",), status_if_new="subscribed")

    assert outcomes(mailchimp.send(MEMBERS, Op.CHANGE, [changed, only_for_new])) == {
        "anna": ("applied", ""),
        "bea": ("applied", "nothing_to_write"),
    }
    [member] = json.loads(call.calls[0].request.body or b"")["members"]
    assert member["merge_fields"] == {"TIER": ""}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ({"error": "the value is wrong", "error_code": "ERROR_GENERIC"}, ("permanent", "ERROR_GENERIC")),
        ({"error": "exists", "error_code": "ERROR_CONTACT_EXISTS"}, ("transient", "ERROR_CONTACT_EXISTS")),
        (
            {
                "error": "bea@example.com has signed up to a lot of lists very recently; "
                "we're not allowing more signups for now",
                "error_code": "ERROR_GENERIC",
            },
            ("info", "too_many_signups"),
        ),
        (
            {"error": "bea was permanently deleted and cannot be re-imported.", "error_code": "ERROR_GENERIC"},
            ("permanent", "forgotten"),
        ),
    ],
)
@responses.activate
def test_each_row_is_answered_by_its_address(
    mailchimp: Destination, error: dict[str, str], told: tuple[str, str]
) -> None:
    merge_fields()
    answer = {
        "new_members": listed("ANNA"),
        "updated_members": [],
        "errors": [{"email_address": '"bea@example.com"', **error}],
    }
    responses.post(URL, json=answer)

    results = mailchimp.send(MEMBERS, Op.ADD, [row(name) for name in NAMES])

    assert outcomes(results) == {"anna": ("applied", ""), "bea": told, "cem": ("transient", "no_answer")}
    assert "lots of lists" not in str(results)


@responses.activate
def test_an_error_that_names_nobody_is_found_by_halving(mailchimp: Destination) -> None:
    merge_fields()
    responses.post(URL, json={"errors": [{"error_code": "ERROR_GENERIC"}], "error_count": 1})

    with pytest.raises(BatchRefused):
        mailchimp.send(MEMBERS, Op.ADD, [row(name) for name in NAMES])
    assert outcomes(mailchimp.send(MEMBERS, Op.ADD, [row("anna")])) == {"anna": ("permanent", "ERROR_GENERIC")}


@responses.activate
def test_a_call_that_is_refused_whole_is_known_by_its_title(mailchimp: Destination) -> None:
    merge_fields()
    responses.post(URL, status=400, json={"title": "Invalid Resource", "detail": "anna@example.com"})

    with pytest.raises(BatchRefused, match="Invalid_Resource") as refused:
        mailchimp.send(MEMBERS, Op.ADD, [row("anna")])
    assert "example.com" not in str(refused.value)


@responses.activate
def test_too_many_connections_are_waited_out(mailchimp: Destination, naps: list[float]) -> None:
    merge_fields()
    call = responses.post(URL, status=429, json={"title": "Too Many Requests"})

    with pytest.raises(DestinationDown):
        mailchimp.send(MEMBERS, Op.ADD, [row("anna")])
    assert len(call.calls) == 6
    assert mailchimp.traffic.throttled == 6


def test_fields_and_audiences_that_are_missing_are_noticed_first(account: Destination) -> None:
    account.check(Delivery("member", AUDIENCE, fields=frozenset({"email_address", "fname", "LTV", "vip"})))
    with pytest.raises(DestinationRefused, match="shoe_size"):
        account.check(Delivery("member", AUDIENCE, fields=frozenset({"email_address", "shoe_size"})))
    for target in ("unknown", None):
        with pytest.raises(DestinationRefused, match="audience"):
            account.check(Delivery("member", target))


def test_a_number_that_texts_would_fill_is_noticed_first(account: Destination) -> None:
    columns = frozenset({"email_address", "ltv", "fname"})
    account.check(Delivery("member", AUDIENCE, fields=columns, types={"ltv": Kind.DECIMAL, "fname": Kind.BOOLEAN}))

    with pytest.raises(DestinationRefused, match="feed column ltv"):
        account.check(Delivery("member", AUDIENCE, fields=columns, types={"ltv": Kind.TEXT}))


@pytest.mark.parametrize("target", [None, AUDIENCE, f"{AUDIENCE}/", "/win-back"])
def test_a_tag_needs_its_audience_and_its_name(mailchimp: Destination, target: str | None) -> None:
    with pytest.raises(DestinationRefused, match="audience id"):
        mailchimp.check(Delivery("tag", target))
    assert mailchimp.traffic.calls == 0


@responses.activate
def test_a_tag_is_found_by_its_whole_name(mailchimp: Destination) -> None:
    found = [{"id": 12, "name": "win-back-2"}, {"id": 11, "name": "win-back"}]
    responses.get(f"{URL}/tag-search", json={"tags": found})
    call = responses.post(f"{URL}/segments/11", json={"members_added": listed("anna")})

    assert outcomes(mailchimp.send(TAG, Op.ADD, [row("anna")])) == {"anna": ("applied", "")}
    assert json.loads(call.calls[0].request.body or b"") == {"members_to_add": ["anna@example.com"]}


def test_a_tag_is_given_to_members_only_and_taken_back_without_archiving(
    account: Destination, sandbox: Running
) -> None:
    people = [row(f"tagged{n}") for n in range(3)]
    account.send(MEMBERS, Op.ADD, people)
    before = sandbox.accounts["mailchimp"].members(AUDIENCE)

    first = account.send(TAG, Op.ADD, [*people, row("stranger")])
    again = account.send(TAG, Op.ADD, [people[0], row("stranger")])
    assert outcomes(first) == dict.fromkeys(("tagged0", "tagged1", "tagged2"), ("applied", "")) | {
        "stranger": ("info", "not_a_member")
    }
    assert outcomes(again) == {"tagged0": ("applied", ""), "stranger": ("info", "not_a_member")}
    assert account.count(TAG) == Count(3, 3)
    assert {member.key for member in account.members(TAG)} == {one.key for one in people}

    removed = account.send(TAG, Op.REMOVE, [*people[:2], row("stranger")])
    assert set(outcomes(removed).values()) == {("applied", "")}
    assert account.count(TAG) == Count(1, 1)
    assert sandbox.accounts["mailchimp"].members(AUDIENCE) == before


@responses.activate
def test_a_removal_that_left_the_tag_is_not_called_done(mailchimp: Destination) -> None:
    responses.get(f"{URL}/tag-search", json={"tags": [{"id": 11, "name": "win-back"}]})
    responses.post(f"{URL}/segments/11", json={"members_removed": listed("anna")})
    responses.get(f"{URL}/segments/11/members", json={"members": listed("bea"), "total_items": 1})

    assert outcomes(mailchimp.send(TAG, Op.REMOVE, [row(name) for name in NAMES])) == {
        "anna": ("applied", ""),
        "bea": ("transient", "still_tagged"),
        "cem": ("applied", ""),
    }


@responses.activate
def test_the_members_of_a_large_tag_are_read_page_by_page(mailchimp: Destination) -> None:
    responses.get(f"{URL}/tag-search", json={"tags": [{"id": 11, "name": "win-back"}]})
    pages = [listed(*(f"p{n}" for n in range(start, end))) for start, end in ((0, 1_000), (1_000, 1_500))]
    for page in pages:
        responses.get(f"{URL}/segments/11/members", json={"members": page, "total_items": 1_500})

    assert len(list(mailchimp.members(TAG))) == 1_500
    query = str(responses.calls[-1].request.url)
    assert "offset=1000" in query
    assert "include_unsubscribed=true" in query
