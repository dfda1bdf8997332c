"""Iterable: what is sent of a row, what its answers say of each, and that a removal unsubscribes from nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import responses
from pydantic import SecretStr

from reverse_etl.destinations.base import Count, Delivery, Destination, Member, Mode
from reverse_etl.destinations.iterable.destination import Iterable, IterableSettings
from reverse_etl.destinations.iterable.payloads import CONSENT, user, whom
from reverse_etl.destinations.iterable.payloads import event as event_of
from reverse_etl.destinations.registry import connect
from reverse_etl.errors import AmbiguousCall, BatchRefused, DestinationDown, DestinationRefused
from reverse_etl.http import encode
from reverse_etl.rows import Op, Row, RowResult
from sandbox.server import Running
from tests.destinations.conftest import FakeTime, make_row
from tests.destinations.iterable.case import LIST

URL = "https://api.iterable.com/api"
USERS = Delivery("user", key="email")
BY_ID = Delivery("user", key="userId")
LISTS = Delivery("list", LIST, Mode.MIRROR, "email")
EVENTS = Delivery("event", mode=Mode.APPEND, key="event_id")

Open = Callable[..., Destination]


@pytest.fixture
def open_iterable(fake_time: FakeTime) -> Open:
    def connected(key: str = "server-key", **options: Any) -> Destination:
        settings = IterableSettings(api_key=SecretStr(key), **options)
        return connect("iterable", settings, sleep=fake_time.sleep, clock=fake_time.clock)

    return connected


@pytest.fixture
def iterable(open_iterable: Open) -> Destination:
    return open_iterable()


@pytest.fixture
def account(open_iterable: Open, sandbox: Running) -> Destination:
    return open_iterable("demo-weft-server-key", base_url=f"{sandbox.url}/iterable")


def person(email: str, op: Op = Op.ADD, *, changed: tuple[str, ...] = (), **payload: Any) -> Row:
    return Row(email, op, {"email": email, **payload}, frozenset(changed))


def event(key: str, **payload: Any) -> Row:
    told = {"event_id": key, "event_name": "visited", "occurred_at": "2026-11-22 10:00:00", "email": "a@example.com"}
    return make_row(key, **(told | payload))


def outcomes(results: list[RowResult]) -> dict[str, tuple[str, str]]:
    return {result.key: (result.outcome.value, result.code) for result in results}


def body(call: Any, place: int = 0) -> Any:
    return json.loads(call.calls[place].request.body)


def counts(done: int, failed: int = 0, **lists: Any) -> dict[str, Any]:
    return {"successCount": done, "failCount": failed, "failedUpdates": lists}


# what is sent


@responses.activate
def test_a_change_writes_what_changed_alone(iterable: Destination) -> None:
    call = responses.post(f"{URL}/users/bulkUpdate", json=counts(1))
    row = person("a@example.com", Op.CHANGE, changed=("tier", "city"), firstName="Ann", tier="gold", city=None)

    assert outcomes(iterable.send(USERS, Op.CHANGE, [row])) == {"a@example.com": ("applied", "")}

    fields = {"tier": "gold", "city": None}
    assert body(call) == {"users": [{"email": "a@example.com", "dataFields": fields, "mergeNestedObjects": True}]}
    assert call.calls[0].request.headers["Api-Key"] == "server-key"


@responses.activate
def test_a_new_user_id_is_created_and_its_address_is_a_field(open_iterable: Open) -> None:
    call = responses.post(f"{URL}/users/bulkUpdate", json=counts(1))
    iterable = open_iterable(merge_nested_objects=False)

    iterable.send(BY_ID, Op.ADD, [make_row("u1", userId="u1", email="a@example.com")])

    fields = {"email": "a@example.com"}
    told = {"userId": "u1", "preferUserId": True, "dataFields": fields, "mergeNestedObjects": False}
    assert body(call) == {"users": [told]}


def test_a_change_that_leaves_nothing_to_write_makes_no_call(iterable: Destination) -> None:
    row = person("a@example.com", Op.CHANGE, changed=(), city="Bonn")
    assert outcomes(iterable.send(USERS, Op.CHANGE, [row])) == {"a@example.com": ("applied", "nothing_to_write")}
    assert iterable.traffic.calls == 0


@pytest.mark.parametrize("key", ["email", "userId"])
@responses.activate
def test_a_removal_leaves_the_list_and_nothing_else(iterable: Destination, key: str) -> None:
    call = responses.post(f"{URL}/lists/unsubscribe", json=counts(1))
    row = Row("x", Op.REMOVE, {key: "x", "channelUnsubscribe": True})

    iterable.send(Delivery("list", LIST, Mode.MIRROR, key), Op.REMOVE, [row])

    assert body(call) == {"listId": 410001, "subscribers": [{key: "x"}], "channelUnsubscribe": False}


def test_a_removal_keeps_the_profile_and_its_channels(account: Destination, sandbox: Running) -> None:
    row = person("stays@example.com")
    account.send(LISTS, Op.ADD, [row])
    account.send(LISTS, Op.REMOVE, [row._replace(op=Op.REMOVE)])

    [record] = [one for one in sandbox.accounts["iterable"].records if one["email"] == "stays@example.com"]
    assert record == {"email": "stays@example.com"}
    assert row.payload not in sandbox.accounts["iterable"].members(LIST)


@responses.activate
def test_an_event_carries_its_id_and_its_moment_in_seconds(iterable: Destination) -> None:
    call = responses.post(f"{URL}/events/trackBulk", json=counts(2))
    rows = [event("e1", amount=12.5, empty=None), event("e2", userId="u1", occurred_at="2026-11-22T11:00:00+01:00")]

    assert set(outcomes(iterable.send(EVENTS, Op.ADD, rows)).values()) == {("applied", "")}

    first, second = body(call)["events"]
    assert first == {
        "email": "a@example.com",
        "id": "e1",
        "eventName": "visited",
        "createdAt": 1795341600,
        "dataFields": {"amount": 12.5},
    }
    assert (second["userId"], second["createdAt"], "email" in second) == ("u1", 1795341600, False)


def test_an_event_that_comes_twice_is_there_once(account: Destination, sandbox: Running) -> None:
    before = len(sandbox.accounts["iterable"].members("Events"))
    for fault in ("drop_after", "drop_before"):
        sandbox.fault(fault, "iterable")
        assert outcomes(account.send(EVENTS, Op.ADD, [event("twice")])) == {"twice": ("applied", "")}
    assert len(sandbox.accounts["iterable"].members("Events")) == before + 1


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"email": None}, "no_identifier"),
        ({"event_name": ""}, "no_name"),
        ({"occurred_at": "soon"}, "no_time"),
    ],
)
def test_a_row_that_is_no_event_is_not_sent(iterable: Destination, payload: dict[str, Any], code: str) -> None:
    assert outcomes(iterable.send(EVENTS, Op.ADD, [event("e1", **payload)])) == {"e1": ("permanent", code)}
    assert outcomes(iterable.send(EVENTS, Op.ADD, [event("ä" * 257)])) == {"ä" * 257: ("permanent", "long_id")}
    assert iterable.traffic.calls == 0


def test_a_row_is_measured_at_least_as_long_as_it_is_sent(iterable: Destination) -> None:
    for row in (person("a@b.de", note="Ä" * 900), person("ä@b.de", Op.CHANGE, changed=("city",), city=None)):
        assert iterable.size(USERS, row) >= len(encode(user(USERS, row, merge=False))) + 1
        assert iterable.size(LISTS, row) >= len(encode(whom("userId", row.key))) + 1
    assert iterable.size(EVENTS, event("é" * 200, note="x")) >= len(encode(event_of(event("é" * 200, note="x")))) + 1


# what the answers say


@pytest.mark.parametrize(
    ("code", "outcome", "removed"),
    [
        ("invalidEmails", "permanent", ("permanent", "invalidEmails")),
        ("invalidDataEmails", "permanent", ("permanent", "invalidDataEmails")),
        ("conflictEmails", "permanent", ("permanent", "conflictEmails")),
        ("forgottenEmails", "permanent", ("applied", "not_there")),
        ("notFoundEmails", "info", ("applied", "not_there")),
        ("somethingNewEmails", "permanent", ("permanent", "somethingNewEmails")),
    ],
)
@responses.activate
def test_failed_rows_are_named_by_their_key_whatever_its_case(
    iterable: Destination, code: str, outcome: str, removed: tuple[str, str]
) -> None:
    responses.post(f"{URL}/lists/subscribe", json=counts(1, 1, **{code: ["bad@example.com"]}))
    responses.post(f"{URL}/lists/unsubscribe", json=counts(1, 1, **{code: ["bad@example.com"]}))
    rows = [person("good@example.com"), person(" Bad@Example.com")]

    assert outcomes(iterable.send(LISTS, Op.ADD, rows)) == {
        "good@example.com": ("applied", ""),
        " Bad@Example.com": (outcome, code),
    }
    assert outcomes(iterable.send(LISTS, Op.REMOVE, rows))[" Bad@Example.com"] == removed


@responses.activate
def test_an_address_in_the_way_refuses_the_row_that_wants_it(iterable: Destination) -> None:
    answer = counts(1, 1, conflictEmails=["b@example.com"], conflictUserIds=["U1"])
    responses.post(f"{URL}/users/bulkUpdate", json=answer)
    rows = [make_row(key, userId=key, email=f"{name}@example.com") for key, name in (("u1", "a"), ("u2", "B"))]

    assert outcomes(iterable.send(BY_ID, Op.ADD, rows)) == {
        "u1": ("applied", ""),
        "u2": ("permanent", "conflictEmails"),
    }


@responses.activate
def test_events_are_refused_by_person_and_by_name(iterable: Destination) -> None:
    answer = {**counts(1, 2, notFoundUserIds=["u9"]), "disallowedEventNames": ["hovered"]}
    responses.post(f"{URL}/events/trackBulk", json=answer)
    rows = [event("e1"), event("e2", userId="u9"), event("e3", event_name="hovered")]

    assert outcomes(iterable.send(EVENTS, Op.ADD, rows)) == {
        "e1": ("applied", ""),
        "e2": ("info", "notFoundUserIds"),
        "e3": ("permanent", "disallowedEventNames"),
    }


@pytest.mark.parametrize("answer", [counts(0, 1), counts(0, 2, invalidEmails=["a@example.com"])])
@responses.activate
def test_rows_that_are_refused_without_a_name_are_halved(iterable: Destination, answer: Any) -> None:
    responses.post(f"{URL}/users/bulkUpdate", json=answer)
    with pytest.raises(BatchRefused):
        iterable.send(USERS, Op.ADD, [person("a@example.com"), person("b@example.com")])


@pytest.mark.parametrize("answer", [{}, [], {"msg": "", "code": "Success"}, {"successCount": "1", "failCount": 0}])
@responses.activate
def test_nothing_is_applied_that_was_not_counted(iterable: Destination, answer: Any) -> None:
    responses.post(f"{URL}/users/bulkUpdate", json=answer)
    assert outcomes(iterable.send(USERS, Op.ADD, [person("a@example.com")])) == {
        "a@example.com": ("ambiguous", "unconfirmed")
    }


@pytest.mark.parametrize(
    ("status", "code", "error", "calls", "said"),
    [
        (400, "BadParams", BatchRefused, 1, "BadParams"),
        (400, "BatchTooLarge", BatchRefused, 1, "BatchTooLarge"),
        (400, "RequestFieldsTypesMismatched", BatchRefused, 1, "RequestFieldsTypesMismatched"),
        (400, "a@example.com", BatchRefused, 1, "other"),
        (400, "UniqueFieldsLimitExceeded", DestinationRefused, 1, "as many fields"),
        (401, "BadApiKey", DestinationRefused, 1, "server-side"),
        (403, "Forbidden", DestinationRefused, 1, "kind of API key"),
        (404, "NotFound", DestinationRefused, 1, "base_url"),
        (409, "ForgottenUserError", BatchRefused, 1, "ForgottenUserError"),
        (429, "RateLimitExceeded", DestinationDown, 6, "rate limit"),
        (500, "DatabaseError", AmbiguousCall, 6, "failed"),
    ],
)
@responses.activate
def test_each_error_is_told_apart_by_its_code(
    iterable: Destination, status: int, code: str, error: type[Exception], calls: int, said: str
) -> None:
    told = {"msg": "a@example.com", "code": code, "params": {"endpoint": "x"}}
    call = responses.post(f"{URL}/users/bulkUpdate", status=status, json=told)

    with pytest.raises(error) as raised:
        iterable.send(USERS, Op.ADD, [person("a@example.com")])

    assert type(raised.value) is error
    assert len(call.calls) == calls
    assert said in str(raised.value)
    assert "example.com" not in str(raised.value).replace("api.iterable.com", "")


@responses.activate
def test_a_spent_limit_is_waited_out_as_the_body_says(iterable: Destination, naps: list[float]) -> None:
    params = {"rateLimitLimit": 5, "rateLimitRemaining": 0, "rateLimitReset": 9}
    told = {"code": "RateLimitExceeded", "msg": "", "params": params}
    responses.post(f"{URL}/users/bulkUpdate", status=429, json=told)
    responses.post(f"{URL}/users/bulkUpdate", json=counts(1))

    iterable.send(USERS, Op.ADD, [person("a@example.com")])

    assert 9 <= naps[0] <= 10


def test_columns_that_the_project_drops_stop_the_run(account: Destination, sandbox: Running) -> None:
    project: Any = sandbox.sandbox.apis["iterable"]
    project.takes_new_fields = False
    try:
        with pytest.raises(DestinationRefused, match="shoeSize, and takes no new fields"):
            account.send(USERS, Op.ADD, [person("a@example.com", shoeSize=42)])
    finally:
        project.takes_new_fields = True


# before the first batch


@pytest.mark.parametrize(
    ("target", "said"),
    [("419999", "no list"), ("410002", "Dynamic"), ("410003", "Suppression"), ("winback", "number"), (None, "number")],
)
def test_a_list_that_takes_nobody_is_noticed_before_anything_is_sent(
    account: Destination, target: str | None, said: str
) -> None:
    account.check(LISTS)
    with pytest.raises(DestinationRefused, match=said):
        account.check(Delivery("list", target, Mode.MIRROR))


@pytest.mark.parametrize("delivery", [USERS, LISTS, EVENTS], ids=lambda delivery: str(delivery.object))
def test_a_wrong_key_is_noticed_by_a_call_that_writes_nothing(
    account: Destination, open_iterable: Open, sandbox: Running, delivery: Delivery
) -> None:
    account.check(delivery)
    before = len(sandbox.accounts["iterable"].records)
    with pytest.raises(DestinationRefused, match="server-side"):
        open_iterable("wrong", base_url=f"{sandbox.url}/iterable").check(delivery)
    assert len(sandbox.accounts["iterable"].records) == before


@responses.activate
def test_a_key_that_was_replaced_meanwhile_is_used(fake_time: FakeTime) -> None:
    responses.post(f"{URL}/users/bulkUpdate", status=401, json={"code": "BadApiKey", "msg": "Invalid API key"})
    call = responses.post(f"{URL}/users/bulkUpdate", json=counts(1))
    old, new = (IterableSettings(api_key=SecretStr(key)) for key in ("old", "new"))
    iterable = connect("iterable", old, reload=lambda: new, sleep=fake_time.sleep, clock=fake_time.clock)

    assert outcomes(iterable.send(USERS, Op.ADD, [person("a@b.de")])) == {"a@b.de": ("applied", "")}
    assert call.calls[0].request.headers["Api-Key"] == "new"


@pytest.mark.parametrize("column", sorted(CONSENT))
def test_a_column_that_is_consent_never_leaves(iterable: Destination, column: str) -> None:
    with pytest.raises(DestinationRefused, match=column):
        iterable.check(Delivery("user", key="email", fields=frozenset({"email", column})))
    with pytest.raises(DestinationRefused, match=column):
        iterable.send(USERS, Op.ADD, [Row("a@b.de", Op.ADD, {"email": "a@b.de", column: [1]})])
    assert iterable.traffic.calls == 0
    assert column in Iterable.objects["user"].refused_columns


# what a list holds


def test_a_list_tells_whom_it_holds(account: Destination, sandbox: Running) -> None:
    sandbox.accounts["iterable"].create_list("410009", "Two of a kind")
    delivery = Delivery("list", "410009", Mode.MIRROR, "email")
    account.send(delivery, Op.ADD, [person("one@example.com"), person("Two@example.com")])

    assert account.count(delivery) == Count(2, 2)
    assert sorted(account.members(delivery)) == [Member("one@example.com"), Member("two@example.com")]


@pytest.mark.parametrize("text", ["", "soon", "-1"])
@responses.activate
def test_a_size_that_is_no_number_is_not_known(iterable: Destination, text: str) -> None:
    responses.get(f"{URL}/lists/{LIST}/size", body=text)
    assert iterable.count(LISTS) is None
