"""SendGrid: what is asked of it, what its jobs allow to be said of each row, and who is shown the key."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import responses
from pydantic import SecretStr

from conformance.case import Stage
from reverse_etl.destinations.base import Delivery, Destination, Mode, NullPolicy
from reverse_etl.destinations.registry import connect
from reverse_etl.destinations.sendgrid.destination import MINUTES, REMOVAL, SendGridSettings
from reverse_etl.destinations.sendgrid.payloads import contact, fields_of
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.http import encode
from reverse_etl.kinds import Kind
from reverse_etl.rows import Op, Row, RowResult
from sandbox.server import Running
from tests.destinations.conftest import FakeTime, make_row

from .case import LIST, settings

URL = "https://api.sendgrid.com/v3/marketing"
FILE = "https://storage.example.com/errors.csv"
CONTACTS = Delivery("contact")
ON_LIST = Delivery("list", LIST, Mode.MIRROR)
FIELDS = {
    "custom_fields": [
        {"id": "e1_T", "name": "Tier", "field_type": "Text"},
        {"id": "e2_N", "name": "orders", "field_type": "Number"},
    ],
    "reserved_fields": [{"id": "_rf1", "name": "nickname"}, {"id": "_rf2", "name": "last_clicked", "read_only": True}],
}


@pytest.fixture
def sendgrid(fake_time: FakeTime) -> Destination:
    return connect(
        "sendgrid", SendGridSettings(api_key=SecretStr("SG.key")), sleep=fake_time.sleep, clock=fake_time.clock
    )


@pytest.fixture
def account(sandbox: Running) -> Destination:
    fake_time = FakeTime(real=0.01)
    return connect("sendgrid", settings(Stage(sandbox, Path())), sleep=fake_time.sleep, clock=fake_time.clock)


def row(name: str, op: Op = Op.ADD, **values: Any) -> Row:
    email = f"{name}@example.com"
    return make_row(email, op, email=email, **values)


def outcomes(results: list[RowResult] | None) -> dict[str, tuple[str, str]]:
    return {result.key.split("@")[0]: (result.outcome.value, result.code) for result in results or []}


def settled(account: Destination, op: Op, rows: list[Row]) -> dict[str, tuple[str, str]]:
    """Send rows onto the list, and wait for the job."""
    results = account.send(ON_LIST, op, rows)
    told = {result.key: result for result in results}
    for job in sorted({result.job_id for result in results if result.job_id}):
        given = [one for one in rows if told[one.key].job_id == job]
        for _ in range(500):
            found = account.settle(ON_LIST, job, given)
            if found is not None:
                told |= {result.key: result for result in found}
                break
    return outcomes(list(told.values()))


ROWS = [row("anna"), row("bea"), row("cem")]


@responses.activate
def test_custom_fields_go_by_their_ids_in_the_type_that_they_have(sendgrid: Destination) -> None:
    responses.get(f"{URL}/field_definitions", json=FIELDS)
    call = responses.put(f"{URL}/contacts", status=202, json={"job_id": "j1"})

    results = sendgrid.send(ON_LIST, Op.ADD, [row("anna", first_name="Anna", tier=3, orders=7, nickname="A")])

    assert outcomes(results) == {"anna": ("accepted", "")}
    assert json.loads(call.calls[0].request.body or b"") == {
        "list_ids": [LIST],
        "contacts": [
            {
                "email": "anna@example.com",
                "first_name": "Anna",
                "nickname": "A",
                "custom_fields": {"e1_T": "3", "e2_N": 7},
            }
        ],
    }


@responses.activate
def test_the_fields_are_asked_for_once_a_run(sendgrid: Destination) -> None:
    asked = responses.get(f"{URL}/field_definitions", json=FIELDS)
    responses.put(f"{URL}/contacts", status=202, json={"job_id": "j1"})

    sendgrid.send(CONTACTS, Op.ADD, ROWS)
    sendgrid.send(CONTACTS, Op.ADD, ROWS)
    assert len(asked.calls) == 1
    sendgrid.check(CONTACTS)
    assert len(asked.calls) == 2


@responses.activate
def test_fields_that_are_missing_or_filled_by_sendgrid_alone_are_refused_first(sendgrid: Destination) -> None:
    responses.get(f"{URL}/field_definitions", json=FIELDS)
    sendgrid.check(Delivery("contact", fields=frozenset({"email", "TIER", "nickname"})))

    with pytest.raises(DestinationRefused, match=r"last_clicked, shoe_size"):
        sendgrid.check(Delivery("contact", fields=frozenset({"email", "shoe_size", "last_clicked"})))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"types": {"orders": Kind.TEXT}}, "cannot be filled"),
        ({"types": {"orders": Kind.BOOLEAN}}, "cannot be filled"),
        ({"columns": {"orders": NullPolicy.CLEAR}}, "cannot empty"),
    ],
)
@responses.activate
def test_a_number_that_cannot_be_filled_or_emptied_is_refused_first(
    sendgrid: Destination, more: dict[str, Any], told: str
) -> None:
    responses.get(f"{URL}/field_definitions", json=FIELDS)
    columns = frozenset({"email", "tier", "orders"})
    fits = {"orders": Kind.DECIMAL, "tier": Kind.INTEGER}
    sendgrid.check(Delivery("contact", fields=columns, types=fits, columns={"tier": NullPolicy.CLEAR}))

    with pytest.raises(DestinationRefused, match=told) as refused:
        sendgrid.check(Delivery("contact", fields=columns, **more))
    assert "feed column orders" in str(refused.value)


@responses.activate
def test_a_change_carries_every_identifier_and_what_changed(sendgrid: Destination) -> None:
    responses.get(f"{URL}/field_definitions", json=FIELDS)
    call = responses.put(f"{URL}/contacts", status=202, json={"job_id": "j1"})
    changed = row("anna", Op.CHANGE, changed=("tier", "city"), external_id="u1", tier=None, city="Köln", first_name="A")

    sendgrid.send(CONTACTS, Op.CHANGE, [changed])

    [contact] = json.loads(call.calls[0].request.body or b"")["contacts"]
    assert contact == {
        "email": "anna@example.com",
        "external_id": "u1",
        "city": "Köln",
        "custom_fields": {"e1_T": ""},
    }


@responses.activate
def test_a_number_that_became_empty_is_not_called_emptied(sendgrid: Destination) -> None:
    responses.get(f"{URL}/field_definitions", json=FIELDS)
    emptied = row("anna", Op.CHANGE, changed=("orders",), orders=None)

    assert outcomes(sendgrid.send(CONTACTS, Op.CHANGE, [emptied])) == {"anna": ("permanent", "cannot_empty")}


@pytest.mark.parametrize(
    ("state", "file", "told"),
    [
        ({"status": "pending"}, None, None),
        ({"status": "completed", "results": {"errored_count": 0}}, None, ["applied", "applied", "applied"]),
        (
            {"status": "errored", "results": {"errored_count": 1, "errors_url": FILE}},
            "line;email\n2,BEA@example.com,a reason\n",
            ["applied", "refused", "applied"],
        ),
        (
            {"status": "errored", "results": {"errored_count": 2, "errors_url": FILE}},
            "email\nbea@example.com\n",
            ["unnamed_error", "refused", "unnamed_error"],
        ),
        (
            {"status": "errored", "results": {"errored_count": 1}},
            None,
            ["unnamed_error", "unnamed_error", "unnamed_error"],
        ),
        ({"status": "failed"}, None, ["job_failed", "job_failed", "job_failed"]),
        (
            {"status": "failed", "results": {"errored_count": 3, "errors_url": FILE}},
            "anna@example.com\nbea@example.com\ncem@example.com\n",
            ["refused", "refused", "refused"],
        ),
    ],
)
@responses.activate
def test_no_more_is_said_of_a_row_than_the_job_tells(
    sendgrid: Destination, state: dict[str, Any], file: str | None, told: list[str] | None
) -> None:
    responses.get(f"{URL}/contacts/imports/j1", json=state)
    if file:
        responses.get(FILE, body=file, content_type="text/csv")

    results = sendgrid.settle(CONTACTS, "j1", ROWS)

    assert told == (None if results is None else [result.code or result.outcome.value for result in results])
    assert "a reason" not in str(results)


@responses.activate
def test_the_file_of_errors_is_fetched_without_the_key(sendgrid: Destination) -> None:
    results = {"errored_count": 1, "errors_url": f"{FILE}?X-Amz-Signature=abc%2F%2B"}
    job = responses.get(f"{URL}/contacts/imports/j1", json={"status": "errored", "results": results})
    file = responses.get(FILE, body="anna@example.com\n", content_type="text/csv")

    sendgrid.settle(CONTACTS, "j1", ROWS)

    assert job.calls[0].request.headers["Authorization"] == "Bearer SG.key"
    assert "Authorization" not in file.calls[0].request.headers
    assert str(file.calls[0].request.url).endswith("?X-Amz-Signature=abc%2F%2B")


@responses.activate
def test_a_job_that_sendgrid_forgot_leaves_its_rows_for_the_next_run(sendgrid: Destination) -> None:
    responses.get(f"{URL}/contacts/imports/j1", status=404, json={})

    assert set(outcomes(sendgrid.settle(CONTACTS, "j1", ROWS)).values()) == {("transient", "job_gone")}


@responses.activate
def test_a_key_without_marketing_is_told_which_permission_it_lacks(sendgrid: Destination) -> None:
    responses.get(f"{URL}/field_definitions", status=403, json={"errors": [{"message": "access forbidden"}]})

    with pytest.raises(DestinationRefused, match="full access to Marketing"):
        sendgrid.check(CONTACTS)


def test_a_removal_takes_the_contact_off_this_list_alone(account: Destination, sandbox: Running) -> None:
    sandbox.accounts["sendgrid"].create_list("other", "Other")
    rows = [row("stays"), row("leaves", first_name="Lea")]
    settled(account, Op.ADD, rows)
    [leaver] = [one["id"] for one in sandbox.sandbox.store.records("sendgrid") if "leaves" in str(one["data"])]
    sandbox.sandbox.store.add_members("sendgrid", "other", [(leaver, None)])

    told = settled(account, Op.REMOVE, [rows[1], row("nobody")])

    assert told == {"leaves": ("applied", ""), "nobody": ("applied", "no_contact")}
    assert sandbox.accounts["sendgrid"].lists["other"] == 1
    assert {"email": "leaves@example.com", "first_name": "Lea", "custom_fields": {}} in sandbox.accounts[
        "sendgrid"
    ].records
    assert "leaves" not in str(sandbox.accounts["sendgrid"].members(LIST))
    paths = {(call["method"], call["path"]) for call in sandbox.accounts["sendgrid"].calls}
    assert ("DELETE", "/v3/marketing/contacts") not in paths


@responses.activate
def test_a_removal_counts_once_the_contact_is_seen_off_the_list(sendgrid: Destination) -> None:
    found = {"anna@example.com": {"contact": {"id": "c1", "list_ids": [LIST, "other"]}}}
    responses.post(f"{URL}/contacts/search/emails", json={"result": found})
    taken = responses.delete(f"{URL}/lists/{LIST}/contacts", status=202, json={"job_id": "j9"})

    [result] = sendgrid.send(ON_LIST, Op.REMOVE, ROWS[:1])
    assert (result.outcome.value, result.destination_id) == ("accepted", "c1")
    assert "contact_ids=c1" in str(taken.calls[0].request.url)
    assert sendgrid.settle(ON_LIST, str(result.job_id), ROWS[:1]) is None
    long_ago = f"{REMOVAL}{datetime.now(UTC) - timedelta(hours=2):{MINUTES}}"
    assert outcomes(sendgrid.settle(ON_LIST, long_ago, ROWS[:1])) == {"anna": ("transient", "unconfirmed")}

    found["anna@example.com"]["contact"]["list_ids"] = ["other"]
    responses.replace("POST", f"{URL}/contacts/search/emails", json={"result": found})
    assert outcomes(sendgrid.settle(ON_LIST, str(result.job_id), ROWS[:1])) == {"anna": ("applied", "")}


@pytest.mark.parametrize(("status", "error"), [(404, DestinationRefused), (200, BatchRefused)])
@responses.activate
def test_a_list_that_went_is_told_from_a_contact_that_went(
    sendgrid: Destination, status: int, error: type[Exception]
) -> None:
    found = {"anna@example.com": {"contact": {"id": "c1", "list_ids": [LIST]}}}
    responses.post(f"{URL}/contacts/search/emails", json={"result": found})
    responses.delete(f"{URL}/lists/{LIST}/contacts", status=404, json={})
    responses.get(f"{URL}/lists/{LIST}", status=status, json={})

    with pytest.raises(error):
        sendgrid.send(ON_LIST, Op.REMOVE, ROWS[:1])


@responses.activate
def test_an_address_that_is_none_cannot_keep_others_on_a_list(sendgrid: Destination) -> None:
    responses.post(f"{URL}/contacts/search/emails", status=400, json={"errors": [{"message": "invalid"}]})

    with pytest.raises(BatchRefused):
        sendgrid.send(ON_LIST, Op.REMOVE, ROWS)
    assert outcomes(sendgrid.send(ON_LIST, Op.REMOVE, ROWS[:1])) == {"anna": ("applied", "no_contact")}


def test_a_contact_with_another_identifier_is_refused_by_the_job(account: Destination, sandbox: Running) -> None:
    settled(account, Op.ADD, [row("named", external_id="n1")])

    assert settled(account, Op.ADD, [row("named", city="Bonn"), row("plain")]) == {
        "named": ("permanent", "refused"),
        "plain": ("applied", ""),
    }


def test_a_row_is_measured_at_least_as_long_as_it_is_sent(sendgrid: Destination) -> None:
    fields = fields_of(FIELDS)
    for values in ({"tier": "ü\\", "orders": 7}, {"tier": 12.5, "first_name": "A"}, {"orders": 1}, {"tier": True}, {}):
        body = contact({"email": "anna@example.com", **values}, fields)
        assert sendgrid.size(CONTACTS, Row("anna@example.com", Op.ADD, {"email": "anna@example.com", **values})) >= (
            len(encode(body)) + 1
        )
