"""Braze: what is sent of a row, what its answers say of each, and that nobody is subscribed against their will."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import responses
from pydantic import SecretStr, ValidationError
from responses import matchers

from reverse_etl.destinations.base import Delivery, Destination, Mode, NullPolicy
from reverse_etl.destinations.braze.destination import Braze, BrazeSettings
from reverse_etl.destinations.braze.payloads import CONSENT, CONTROLS, attributes, flag
from reverse_etl.destinations.braze.payloads import event as event_of
from reverse_etl.destinations.registry import connect
from reverse_etl.errors import AmbiguousCall, BatchRefused, DestinationDown, DestinationRefused
from reverse_etl.http import encode
from reverse_etl.rows import Op, Row, RowResult
from sandbox.server import Running
from tests.destinations.braze.case import AUDIENCE, GROUP
from tests.destinations.conftest import FakeTime, make_row

URL = "https://rest.fra-01.braze.eu"
TRACK = f"{URL}/users/track"
USERS = Delivery("user", key="external_id")
GROUPS = Delivery("subscription_group", GROUP, Mode.MIRROR, "external_id")
AUDIENCES = Delivery("audience", AUDIENCE, Mode.MIRROR, "external_id")
EVENTS = Delivery("event", mode=Mode.APPEND, key="event_id")

Open = Callable[..., Destination]


@pytest.fixture
def open_braze(fake_time: FakeTime) -> Open:
    def connected(url: str = URL, key: str = "rest-key", **options: Any) -> Destination:
        settings = BrazeSettings(base_url=url, api_key=SecretStr(key), **options)
        return connect("braze", settings, sleep=fake_time.sleep, clock=fake_time.clock)

    return connected


@pytest.fixture
def braze(open_braze: Open) -> Destination:
    return open_braze(alias_label="crm")


@pytest.fixture
def account(open_braze: Open, sandbox: Running) -> Destination:
    return open_braze(f"{sandbox.url}/braze", "demo-weft-rest-key")


def person(key: str, op: Op = Op.ADD, **options: Any) -> Row:
    return make_row(key, op, external_id=key, **options)


def event(key: str, **payload: Any) -> Row:
    told = {"event_id": key, "event_name": "visited", "occurred_at": "2026-11-22 10:00:00", "external_id": "p1"}
    return make_row(key, **(told | payload))


def outcomes(results: list[RowResult]) -> dict[str, tuple[str, str]]:
    return {result.key: (result.outcome.value, result.code) for result in results}


def body(call: Any, place: int = 0) -> Any:
    return json.loads(call.calls[place].request.body)


def success(**more: Any) -> dict[str, Any]:
    return {"message": "success", **more}


def wrong(place: int, text: str = "'name' is not valid", array: str = "attributes") -> dict[str, Any]:
    return {"type": text, "input_array": array, "index": place}


# what is sent


@responses.activate
def test_a_change_is_billed_for_what_changed_alone(braze: Destination) -> None:
    call = responses.post(TRACK, status=201, json=success())
    row = person("p1", Op.CHANGE, changed=("tier", "city"), first_name="Ann", tier="gold", city=None)

    assert outcomes(braze.send(USERS, Op.CHANGE, [row])) == {"p1": ("applied", "")}
    assert body(call) == {"attributes": [{"external_id": "p1", "tier": "gold", "city": None}]}
    assert call.calls[0].request.headers["Authorization"] == "Bearer rest-key"


def test_a_change_that_leaves_nothing_to_write_makes_no_call(braze: Destination) -> None:
    row = person("p1", Op.CHANGE, changed=("city",), city=None)
    skipping = Delivery("user", key="external_id", nulls=NullPolicy.SKIP)

    assert outcomes(braze.send(skipping, Op.CHANGE, [row])) == {"p1": ("applied", "nothing_to_write")}
    assert braze.traffic.calls == 0


@pytest.mark.parametrize(
    ("key", "mode", "named"),
    [
        ("external_id", Mode.UPSERT, {"external_id": "x"}),
        ("external_id", Mode.UPDATE, {"external_id": "x", "_update_existing_only": True}),
        ("email", Mode.UPSERT, {"email": "x"}),
        ("phone", Mode.UPDATE, {"phone": "x", "_update_existing_only": True}),
        # Of an alias, Braze creates nobody unless it is told to.
        (
            "alias_name",
            Mode.UPSERT,
            {"user_alias": {"alias_name": "x", "alias_label": "crm"}, "_update_existing_only": False},
        ),
    ],
)
@responses.activate
def test_people_are_named_by_the_key_and_created_only_by_an_upsert(
    braze: Destination, key: str, mode: Mode, named: dict[str, Any]
) -> None:
    call = responses.post(TRACK, status=201, json=success())

    braze.send(Delivery("user", mode=mode, key=key), Op.ADD, [Row("x", Op.ADD, {key: "x", "tier": "gold"})])

    assert body(call) == {"attributes": [{**named, "tier": "gold"}]}


@pytest.mark.parametrize(
    ("key", "columns", "named"),
    [
        ("email", {"email", "external_id"}, "external_id"),
        ("phone", {"phone", "email"}, "email"),
        ("external_id", {"external_id", "alias_name"}, "alias_name"),
    ],
)
def test_a_column_that_would_find_other_people_is_refused(
    braze: Destination, key: str, columns: set[str], named: str
) -> None:
    with pytest.raises(DestinationRefused, match=f"would find people by {named}"):
        braze.check(Delivery("user", key=key, fields=frozenset(columns)))
    assert braze.traffic.calls == 0


def test_an_alias_needs_its_label(open_braze: Open) -> None:
    with pytest.raises(DestinationRefused, match="label"):
        open_braze().check(Delivery("user", key="alias_name"))


@responses.activate
def test_an_audience_writes_one_attribute_and_nothing_else(braze: Destination) -> None:
    call = responses.post(TRACK, status=201, json=success())
    row = person("p1", email="p1@example.com")

    braze.send(AUDIENCES, Op.ADD, [row])
    braze.send(AUDIENCES, Op.REMOVE, [row._replace(op=Op.REMOVE)])

    assert body(call) == {"attributes": [{"external_id": "p1", AUDIENCE: True}]}
    assert body(call, 1) == {"attributes": [{"external_id": "p1", "_update_existing_only": True, AUDIENCE: None}]}


@pytest.mark.parametrize("name", ["email", "email_subscribe", "first_name", "_merge_objects", "$x", "x" * 256])
def test_an_audience_is_not_called_as_what_braze_already_has(braze: Destination, name: str) -> None:
    delivery = Delivery("audience", name, Mode.MIRROR, "external_id")
    for call in (lambda: braze.check(delivery), lambda: braze.send(delivery, Op.ADD, [person("p1")])):
        with pytest.raises(DestinationRefused, match="custom attribute"):
            call()
    assert braze.traffic.calls == 0


@responses.activate
def test_an_event_carries_its_moment_its_properties_and_its_id(braze: Destination) -> None:
    call = responses.post(TRACK, status=201, json=success(events_processed=3))
    rows = [
        event("e1", amount=12.5, empty=None),
        event("e2", external_id=None, email="a@example.com", occurred_at=datetime(2026, 11, 22, 11, tzinfo=UTC)),
        event("e3", external_id=None, alias_name="a1", occurred_at="2026-11-22T12:00:00+02:00"),
    ]

    assert set(outcomes(braze.send(EVENTS, Op.ADD, rows)).values()) == {("applied", "")}

    first, second, third = body(call)["events"]
    assert first == {
        "external_id": "p1",
        "name": "visited",
        "time": "2026-11-22T10:00:00Z",
        "properties": {"amount": 12.5, "event_id": "e1"},
    }
    assert (second["email"], second["time"]) == ("a@example.com", "2026-11-22T11:00:00Z")
    assert (third["user_alias"]["alias_name"], third["time"]) == ("a1", "2026-11-22T10:00:00Z")


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"external_id": None}, "no_identifier"),
        ({"event_name": None}, "no_name"),
        ({"occurred_at": None}, "no_time"),
        ({"occurred_at": "soon"}, "no_time"),
    ],
)
def test_a_row_that_is_no_event_is_not_sent(braze: Destination, payload: dict[str, Any], code: str) -> None:
    assert outcomes(braze.send(EVENTS, Op.ADD, [event("e1", **payload)])) == {"e1": ("permanent", code)}
    assert braze.traffic.calls == 0


@responses.activate
def test_events_whose_call_may_have_arrived_are_not_sent_again(braze: Destination) -> None:
    call = responses.post(TRACK, status=500)
    with pytest.raises(AmbiguousCall):
        braze.send(EVENTS, Op.ADD, [event("e1")])
    assert len(call.calls) == 1


def test_a_row_is_measured_at_least_as_long_as_it_is_sent(braze: Destination) -> None:
    empty = person("ä", Op.CHANGE, changed=("city",), city=None)
    rows = [person("p1", first_name="Änne", note="x" * 900), empty, make_row("a1", alias_name="a1")]
    for row, delivery in [(row, delivery) for row in rows for delivery in (USERS, AUDIENCES)]:
        alias = Delivery(delivery.object, delivery.target, Mode.UPDATE, "alias_name")
        for told in (delivery, alias):
            sent = flag(told, row, "crm") if told.target else attributes(told, row, "crm")
            assert braze.size(told, row) >= len(encode(sent)) + 1
    row = event("é" * 200, alias_name="a1", external_id=None, app_id="app")
    assert braze.size(EVENTS, row) >= len(encode(event_of(row, "crm"))) + 1
    assert braze.size(GROUPS, person("ä b")) == len("external_id%5B%5D=%C3%A4%20b&")


# what the answers say


@responses.activate
def test_errors_inside_a_success_name_rows_by_their_place(braze: Destination) -> None:
    errors = [wrong(1, "The value provided for the 'email' field is not a valid email."), wrong(2)]
    responses.post(TRACK, status=201, json=success(attributes_processed=1, errors=errors))

    assert outcomes(braze.send(USERS, Op.ADD, [person("a"), person("b"), person("c")])) == {
        "a": ("applied", ""),
        "b": ("permanent", "invalid_email"),
        "c": ("permanent", "other"),
    }


UNPLACED = ["a@example.com failed", {"type": "x"}, wrong(7), wrong(0, array="purchases"), {"index": "0"}]


@pytest.mark.parametrize("error", UNPLACED)
@responses.activate
def test_attributes_that_are_refused_without_a_name_are_halved(braze: Destination, error: Any) -> None:
    responses.post(TRACK, status=201, json=success(errors=[error]))
    with pytest.raises(BatchRefused) as refused:
        braze.send(USERS, Op.ADD, [person("a"), person("b")])
    assert "example.com" not in str(refused.value)


@pytest.mark.parametrize("error", UNPLACED)
@responses.activate
def test_of_events_that_are_refused_without_a_name_none_is_called_applied(braze: Destination, error: Any) -> None:
    responses.post(TRACK, status=201, json=success(errors=[wrong(1, array="events"), error]))
    assert outcomes(braze.send(EVENTS, Op.ADD, [event("a"), event("b")])) == {
        "a": ("ambiguous", "unnamed_error"),
        "b": ("permanent", "other"),
    }


@pytest.mark.parametrize(
    ("status", "answer", "outcome"),
    [
        (202, {"message": "queued"}, ("applied", "")),
        (201, {}, ("ambiguous", "unconfirmed")),
        (201, [], ("ambiguous", "unconfirmed")),
        (201, {"message": "Valid data must be provided"}, ("ambiguous", "unconfirmed")),
    ],
)
@responses.activate
def test_only_what_braze_says_it_took_is_applied(
    braze: Destination, status: int, answer: Any, outcome: tuple[str, str]
) -> None:
    responses.post(TRACK, status=status, json=answer)
    assert outcomes(braze.send(USERS, Op.ADD, [person("a")])) == {"a": outcome}


@pytest.mark.parametrize(
    ("status", "answer", "error", "calls", "said"),
    [
        (
            400,
            {"message": "x", "errors": [wrong(0, "provided external_id is blacklisted")]},
            BatchRefused,
            1,
            "blocked",
        ),
        (400, {"message": "Max Input Length Exceeded"}, BatchRefused, 1, "400"),
        (413, None, BatchRefused, 1, "413"),
        (401, {"message": "Invalid API key: rest-key"}, DestinationRefused, 1, "users.track"),
        (403, {"message": "Forbidden"}, DestinationRefused, 1, "inactive"),
        (404, {"message": "Not Found"}, DestinationRefused, 1, "base_url"),
        (429, {"message": "Rate limited"}, DestinationDown, 6, "rate limit"),
        (503, None, DestinationDown, 6, "unavailable"),
        (500, None, AmbiguousCall, 6, "failed"),
    ],
)
@responses.activate
def test_each_refusal_is_told_apart_and_repeats_no_key(
    braze: Destination, status: int, answer: Any, error: type[Exception], calls: int, said: str
) -> None:
    call = responses.post(TRACK, status=status, json=answer)

    with pytest.raises(error) as raised:
        braze.send(USERS, Op.ADD, [person("p1")])

    assert type(raised.value) is error
    assert len(call.calls) == calls
    assert said in str(raised.value)
    assert "rest-key" not in str(raised.value)


@responses.activate
def test_a_spent_limit_is_waited_out_as_braze_says(braze: Destination, naps: list[float]) -> None:
    responses.post(TRACK, status=429, json={}, headers={"X-RateLimit-Retry-After": "7"})
    responses.post(TRACK, status=201, json=success())
    braze.send(USERS, Op.ADD, [person("p1")])
    assert 7 <= naps[0] <= 8


# before the first batch


@responses.activate
def test_the_key_is_proven_by_a_call_that_writes_nothing(braze: Destination) -> None:
    call = responses.post(TRACK, status=201, json=success(attributes_processed=1))
    braze.check(USERS)
    assert body(call) == {"attributes": [{"external_id": "weft-check", "_update_existing_only": True}]}

    responses.replace("POST", TRACK, status=401, json={"message": "Invalid API key: rest-key"})
    with pytest.raises(DestinationRefused, match=r"users\.track"):
        braze.check(EVENTS)


def test_a_check_leaves_nothing_behind(account: Destination, sandbox: Running) -> None:
    before = sandbox.accounts["braze"].records
    for delivery in (USERS, AUDIENCES, EVENTS, GROUPS):
        account.check(delivery)
    assert sandbox.accounts["braze"].records == before
    assert "weft-check" not in str(sandbox.accounts["braze"].members(GROUP))


def test_a_group_that_is_gone_and_a_right_that_is_missing_are_told(
    account: Destination, open_braze: Open, sandbox: Running
) -> None:
    account.check(GROUPS)
    with pytest.raises(DestinationRefused, match="no subscription group"):
        account.check(Delivery("subscription_group", "gone", key="external_id"))
    with pytest.raises(DestinationRefused, match=r"subscription\.status\.set"):
        open_braze(f"{sandbox.url}/braze", "demo-weft-reading-key").check(GROUPS)


@responses.activate
def test_a_key_that_was_replaced_meanwhile_is_used(fake_time: FakeTime) -> None:
    responses.post(TRACK, status=401, json={"message": "Invalid API key: old"})
    call = responses.post(TRACK, status=201, json=success())
    old, new = (BrazeSettings(base_url=URL, api_key=SecretStr(key)) for key in ("old", "new"))
    braze = connect("braze", old, reload=lambda: new, sleep=fake_time.sleep, clock=fake_time.clock)

    assert outcomes(braze.send(USERS, Op.ADD, [person("p1")])) == {"p1": ("applied", "")}
    assert call.calls[0].request.headers["Authorization"] == "Bearer new"


@pytest.mark.parametrize("column", sorted(CONSENT | CONTROLS))
def test_a_column_that_is_consent_never_leaves(braze: Destination, column: str) -> None:
    with pytest.raises(DestinationRefused, match=column):
        braze.check(Delivery("user", key="external_id", fields=frozenset({"external_id", column})))
    with pytest.raises(DestinationRefused, match=column):
        braze.send(USERS, Op.ADD, [Row("p1", Op.ADD, {"external_id": "p1", column: "subscribed"})])
    assert braze.traffic.calls == 0
    assert column in Braze.objects["user"].refused_columns


@pytest.mark.parametrize("url", [None, "", "https://dashboard-01.braze.com"])
def test_the_address_of_the_cluster_is_asked_for(url: str | None) -> None:
    given = {} if url is None else {"base_url": url}
    with pytest.raises(ValidationError, match="REST endpoint of your cluster"):
        BrazeSettings.model_validate({"api_key": "k", **given})
    assert BrazeSettings.model_fields["base_url"].is_required()


# who is subscribed


@responses.activate
def test_only_who_never_decided_is_subscribed(braze: Destination) -> None:
    states = {"new": "Unknown", "there": "Subscribed", "left": "Unsubscribed", "odd": "Something"}
    asked = responses.get(
        f"{URL}/subscription/status/get",
        json={"status": states, "message": "success"},
        match=[
            matchers.query_param_matcher(
                {"subscription_group_id": GROUP, "external_id[]": ["new", "there", "left", "odd", "silent"]}
            )
        ],
    )
    call = responses.post(f"{URL}/v2/subscription/status/set", status=201, json=success())

    results = braze.send(GROUPS, Op.ADD, [person(key) for key in ("new", "there", "left", "odd", "silent")])

    assert outcomes(results) == {
        "new": ("applied", ""),
        "there": ("applied", ""),
        "left": ("info", "unsubscribed"),
        "odd": ("transient", "no_state"),
        "silent": ("transient", "no_state"),
    }
    assert len(asked.calls) == 1
    [group] = body(call)["subscription_groups"]
    assert group == {"subscription_group_id": GROUP, "subscription_state": "subscribed", "external_ids": ["new"]}


def test_who_unsubscribed_is_not_subscribed_again_by_any_run(account: Destination, sandbox: Running) -> None:
    def members() -> set[str]:
        return {one["external_id"] for one in sandbox.accounts["braze"].members(GROUP)}

    other = "e7c1a6f0-0000-4000-8000-000000000002"
    sandbox.accounts["braze"].create_list(other, "Offers")
    account.send(Delivery("subscription_group", other, key="external_id"), Op.ADD, [person("c1"), person("c2")])
    account.send(GROUPS, Op.ADD, [person("c1"), person("c2")])
    assert members() >= {"c1", "c2"}

    account.send(GROUPS, Op.REMOVE, [person("c1", Op.REMOVE)])
    for op in (Op.ADD, Op.CHANGE):
        assert outcomes(account.send(GROUPS, op, [person("c1", op)])) == {"c1": ("info", "unsubscribed")}

    assert members() & {"c1", "c2"} == {"c2"}
    assert len(sandbox.accounts["braze"].members(other)) == 2  # a removal is of one group


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "truncate", "server_error"])
@pytest.mark.parametrize("delivery", [USERS, AUDIENCES, GROUPS], ids=lambda delivery: str(delivery.object))
def test_a_call_that_breaks_is_repeated_and_writes_once(
    account: Destination, sandbox: Running, kind: str, delivery: Delivery
) -> None:
    key = f"{delivery.object}-{kind}"
    sandbox.fault(kind, "braze", method="POST")
    assert outcomes(account.send(delivery, Op.ADD, [person(key)])) == {key: ("applied", "")}
    assert outcomes(account.send(delivery, Op.ADD, [person(key)])) == {key: ("applied", "")}
