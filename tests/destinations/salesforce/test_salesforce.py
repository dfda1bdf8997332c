"""Salesforce: what is particular to it. Batches, failures and second runs are the conformance suite's."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
import responses
from pydantic import SecretStr

from reverse_etl.answers import Action, Response
from reverse_etl.destinations.base import Count, Delivery, Mode, NullPolicy
from reverse_etl.destinations.policies import written
from reverse_etl.destinations.registry import connect
from reverse_etl.destinations.salesforce import writing
from reverse_etl.destinations.salesforce.codes import classify
from reverse_etl.destinations.salesforce.fields import Thing, text
from reverse_etl.destinations.salesforce.payloads import collection, csv_of, lookups
from reverse_etl.errors import DestinationRefused
from reverse_etl.http import HttpClient, encode
from reverse_etl.rows import Op, Outcome, Row, RowResult
from sandbox.oauth import TokenOffice
from sandbox.salesforce.api import Salesforce
from sandbox.salesforce.schema import THINGS
from sandbox.server import Running

from ..conftest import FakeTime, make_row
from .case import row, settings

CONTACTS = Delivery("record", "Contact", key="weft_id__c")
MANY = 2_000


class Org:
    """The simulated org, sent to and settled as the engine does it."""

    def __init__(self, sandbox: Running, delivery: Delivery = CONTACTS, **changes: Any) -> None:
        api = sandbox.sandbox.apis["salesforce"]
        assert isinstance(api, Salesforce)
        self.api = api
        self.account = sandbox.accounts["salesforce"]
        self.delivery = delivery
        self.time = FakeTime(real=0.01)
        given = settings(sandbox, **changes)
        self.destination = connect("salesforce", given, sleep=self.time.sleep, clock=self.time.clock)

    def send(self, rows: Sequence[Row], op: Op = Op.ADD, **changes: Any) -> list[RowResult]:
        delivery = replace(self.delivery, **changes)
        found = {one.key: one for one in self.destination.send(delivery, op, rows)}
        for job in {one.job_id for one in found.values() if one.job_id}:
            given = [row._replace(destination_id=found[row.key].destination_id) for row in rows]
            given = [row for row in given if found[row.key].job_id == job]
            found |= {one.key: one for one in self.wait(job, given, delivery)}
        return [found[row.key] for row in rows]

    def wait(self, job: str, rows: Sequence[Row], delivery: Delivery = CONTACTS) -> list[RowResult]:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            results = self.destination.settle(delivery, job, rows)
            if results is not None:
                return results
            time.sleep(0.02)
        raise AssertionError("the job did not finish")

    def records(self, kind: str = "Contact") -> dict[str, dict[str, Any]]:
        return {record["Weft_Id__c"]: record for record in self.account.members(kind) if record.get("Weft_Id__c")}

    def calls(self) -> list[str]:
        return [f"{call['method']} {call['path'].rsplit('/', 1)[-1]}" for call in self.account.calls]


@pytest.fixture
def org(sandbox: Running) -> Iterator[Org]:
    made = Org(sandbox)
    yield made
    made.api.office.refresh_token = made.api.key
    made.api.office.rotates = False
    made.api.office.signers = None


def contacts(prefix: str, count: int, op: Op = Op.ADD, **changes: Any) -> list[Row]:
    return [
        make_row(f"{prefix}{number}", op, **row(number) | {"weft_id__c": f"{prefix}{number}"} | changes)
        for number in range(count)
    ]


def fields(*columns: str) -> frozenset[str]:
    return frozenset({"profile_id", "weft_id__c", "lastname", *columns})


# which way


def test_few_rows_go_by_collections_of_200_and_many_by_one_job(org: Org) -> None:
    first = len(org.calls())
    assert {one.outcome for one in org.send(contacts("few", 450))} == {Outcome.APPLIED}
    assert org.calls()[first:].count("PATCH {field}") == 3

    first = len(org.calls())
    results = org.send(contacts("many", MANY))
    assert {(one.outcome, bool(one.destination_id)) for one in results} == {(Outcome.APPLIED, True)}
    calls = org.calls()[first:]
    assert [calls.count(name) for name in ("POST ingest", "PUT batches", "PATCH {field}")] == [1, 1, 0]
    assert {key in org.records() for key in ("few449", "many0", f"many{MANY - 1}")} == {True}


def test_both_ways_write_the_same(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    awkward: dict[str, Any] = {
        "firstname": 'Zoë "Z", jr.',
        "weft_note__c": "one\ntwo\r\nthree, four ",
        "weft_seen_at__c": datetime(2026, 7, 1, 12, 30),
        "birthdate": date(1990, 2, 3),
        "weft_lifetime_value__c": Decimal("12.50"),
        "weft_active__c": True,
        "phone": 49301234567,
    }
    org.send(contacts("by_call", 1, **awkward))
    monkeypatch.setattr(writing, "BULK_FROM", 1)
    assert [one.outcome for one in org.send(contacts("by_job", 1, **awkward))] == [Outcome.APPLIED]

    by_call, by_job = org.records()["by_call0"], org.records()["by_job0"]
    assert {**by_call, "Weft_Id__c": ""} == {**by_job, "Weft_Id__c": ""}
    assert (by_call["FirstName"], by_call["weft_note__c"]) == (awkward["firstname"], awkward["weft_note__c"])
    assert (by_call["weft_seen_at__c"], by_call["Birthdate"]) == ("2026-07-01T12:30:00.000+00:00", "1990-02-03")
    assert (by_call["weft_lifetime_value__c"], by_call["weft_active__c"], by_call["Phone"]) == (
        12.5,
        True,
        "49301234567",
    )


def test_a_job_empties_writes_and_leaves_alone(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "BULK_FROM", 1)
    org.send(contacts("cells", 3))
    changes = [
        make_row("cells0", Op.CHANGE, changed=("firstname",), **row(0) | {"weft_id__c": "cells0", "firstname": None}),
        make_row(
            "cells1",
            Op.CHANGE,
            changed=("weft_tier__c",),
            **row(1) | {"weft_id__c": "cells1", "weft_tier__c": "silver"},
        ),
        make_row("cells2", Op.CHANGE, changed=("firstname",), **row(2) | {"weft_id__c": "cells2", "firstname": "#N/A"}),
    ]
    assert {one.outcome for one in org.send(changes, Op.CHANGE)} == {Outcome.APPLIED}

    told = {
        key: (org.records()[key].get("FirstName"), org.records()[key]["weft_tier__c"])
        for key in ("cells0", "cells1", "cells2")
    }
    assert told == {"cells0": (None, "gold"), "cells1": ("Pat 1", "silver"), "cells2": ("#N/A", "gold")}


def test_refused_records_of_a_job_are_named(org: Org) -> None:
    rows = contacts("job", MANY)
    rows[7] = rows[7]._replace(payload={**rows[7].payload, "weft_tier__c": "lead"})
    rows[8] = rows[8]._replace(payload={**rows[8].payload, "email": "nobody"})

    refused = {one.key: one for one in org.send(rows) if one.outcome is not Outcome.APPLIED}

    assert {key: (one.outcome, one.code) for key, one in refused.items()} == {
        "job7": (Outcome.PERMANENT, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        "job8": (Outcome.PERMANENT, "INVALID_EMAIL_ADDRESS"),
    }
    assert "nobody" not in str(refused)


def test_a_job_that_failed_or_was_aborted_leaves_its_rows_for_the_next_run(org: Org, sandbox: Running) -> None:
    sandbox.fault("job_failed", "salesforce")
    told = org.send(contacts("failed", MANY))
    assert {(one.outcome, one.code) for one in told} == {(Outcome.TRANSIENT, "unprocessed")}

    sandbox.fault("job_stuck", "salesforce")
    rows = contacts("aborted", MANY)
    [job] = {one.job_id for one in org.destination.send(CONTACTS, Op.ADD, rows)}
    assert job
    assert org.destination.settle(CONTACTS, job, rows) is None
    org.api._end(org.api._job(job), "Aborted")
    assert {one.outcome for one in org.wait(job, rows)} == {Outcome.TRANSIENT}
    assert {one.code for one in org.wait("750000000000999AAA", rows)} == {"job_gone"}


def test_another_process_settles_the_job_of_one_that_was_killed(org: Org, sandbox: Running) -> None:
    rows = contacts("killed", MANY)
    [job] = {one.job_id for one in org.destination.send(CONTACTS, Op.ADD, rows)}

    assert job
    assert {one.outcome for one in Org(sandbox).wait(job, rows[::-1])} == {Outcome.APPLIED}


@pytest.mark.parametrize("path", ["/ingest$", "/batches$"])
@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_an_upload_that_breaks_starts_another_job_and_never_two(
    org: Org, sandbox: Running, kind: str, path: str
) -> None:
    sandbox.fault(kind, "salesforce", path=path)

    assert {one.outcome for one in org.send(contacts("upload", MANY))} == {Outcome.APPLIED}
    states = [job["status"] for job in sandbox.sandbox.store.query("select status from jobs order by created_at")]
    assert states[-1] == "JobComplete"


def test_closing_a_job_twice_is_no_failure(org: Org, sandbox: Running) -> None:
    sandbox.fault("drop_after", "salesforce", method="PATCH", path="/ingest/")
    assert {one.outcome for one in org.send(contacts("closed", MANY))} == {Outcome.APPLIED}


# keys, updates and removals


def test_a_record_is_found_by_any_lookup_field(org: Org) -> None:
    org.send(contacts("mail", 1, email="mail@example.com"))
    by_email = make_row("MAIL@example.com", email="MAIL@example.com", lastname="Changed")
    assert [one.outcome for one in org.send([by_email], key="email")] == [Outcome.APPLIED]
    assert org.records()["mail0"]["LastName"] == "Changed"


def test_an_update_creates_nothing_and_follows_a_record_that_was_merged(org: Org) -> None:
    added = org.send(contacts("update", 3))
    rows = [
        make_row("update0", Op.CHANGE, changed=("firstname",), weft_id__c="update0", firstname="New"),
        make_row("update1", Op.CHANGE, changed=("firstname",), weft_id__c="update1", firstname="New"),
        make_row("nobody", Op.CHANGE, changed=("firstname",), weft_id__c="nobody", firstname="New"),
        make_row("o'brien \\", Op.ADD, weft_id__c="o'brien \\", firstname="New"),
    ]
    rows[0] = rows[0]._replace(destination_id=added[0].destination_id)
    rows[1] = rows[1]._replace(destination_id="003000000000001AAA")  # merged away

    told = org.send(rows, Op.CHANGE, mode=Mode.UPDATE)

    assert [(one.outcome, one.code) for one in told] == [
        (Outcome.APPLIED, ""),
        (Outcome.APPLIED, ""),
        (Outcome.INFO, "not_found"),
        (Outcome.INFO, "not_found"),
    ]
    assert told[1].destination_id == added[1].destination_id
    assert {org.records()[key]["FirstName"] for key in ("update0", "update1")} == {"New"}


def test_an_update_by_job_goes_by_ids(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    added = org.send(contacts("ids", 3))
    monkeypatch.setattr(writing, "BULK_FROM", 1)
    rows = [
        replaced._replace(destination_id=one.destination_id)
        for replaced, one in zip(contacts("ids", 3, firstname="New"), added, strict=True)
    ]
    rows[2] = rows[2]._replace(destination_id="003000000000002AAA")

    told = org.send(rows, Op.CHANGE, mode=Mode.UPDATE)
    assert [(one.outcome, one.code) for one in told] == [
        (Outcome.APPLIED, ""),
        (Outcome.APPLIED, ""),
        (Outcome.TRANSIENT, "moved"),
    ]
    assert told[2].destination_id == added[2].destination_id

    by_id = make_row(str(added[0].destination_id), id=added[0].destination_id, firstname="Newer")
    assert [one.outcome for one in org.send([by_id], key="id", mode=Mode.UPDATE)] == [Outcome.APPLIED]
    assert org.records()["ids0"]["FirstName"] == "Newer"


@pytest.mark.parametrize("bulk_from", [1, MANY])
def test_a_removal_empties_wefts_fields_and_nothing_else(
    org: Org, monkeypatch: pytest.MonkeyPatch, bulk_from: int
) -> None:
    monkeypatch.setattr(writing, "BULK_FROM", bulk_from)
    org.delivery = replace(CONTACTS, key="email", mode=Mode.MIRROR)
    rows = [
        make_row(
            f"leaver{bulk_from}@example.com", email=f"leaver{bulk_from}@example.com", lastname="L", weft_tier__c="gold"
        )
    ]
    [added] = org.send(rows)
    leaving = [
        rows[0]._replace(op=Op.REMOVE, destination_id=added.destination_id),
        make_row("gone@x.example", Op.REMOVE, email="gone@x.example", weft_tier__c="gold"),
    ]
    before = len(org.account.records)

    assert [one.outcome for one in org.send(leaving, Op.REMOVE)] == [Outcome.APPLIED] * 2

    assert len(org.account.records) == before
    [kept] = [one for one in org.account.members("Contact") if one.get("Email") == f"leaver{bulk_from}@example.com"]
    assert {name: value for name, value in kept.items() if value is not None} == {
        "Email": kept["Email"],
        "LastName": "L",
    }


def test_who_left_and_comes_back_is_the_same_record(org: Org) -> None:
    rows = contacts("back", 1)
    [added] = org.send(rows)
    org.send([rows[0]._replace(op=Op.REMOVE)], Op.REMOVE)
    assert (org.records()["back0"]["weft_tier__c"], org.records()["back0"]["FirstName"]) == (None, "Pat 0")
    [again] = org.send(rows)
    assert again.destination_id == added.destination_id


def test_a_value_is_only_set_where_the_field_is_empty(org: Org) -> None:
    org.send(contacts("first", 1, firstname="Theirs") + contacts("second", 1, firstname=None))
    rows = contacts("first", 1, firstname="Ours") + contacts("second", 1, firstname="Ours")

    org.send(rows, columns={"firstname": NullPolicy.SET_IF_EMPTY})
    assert [org.records()[key]["FirstName"] for key in ("first0", "second0")] == ["Theirs", "Ours"]


def test_it_counts_whoever_has_one_of_wefts_fields(org: Org) -> None:
    delivery = replace(CONTACTS, target="Lead")
    org.send([make_row("l1", weft_id__c="l1", lastname="L", company="C", weft_tier__c="gold")], target="Lead")
    assert org.destination.count(delivery) == Count(1, 1)
    assert org.destination.count(replace(CONTACTS, target="Account")) == Count(0, 0)


# before the first batch


@pytest.mark.parametrize(
    ("delivery", "told"),
    [
        (replace(CONTACTS, target="Contactz"), "Contactz"),
        (replace(CONTACTS, target="../../x"), "API name"),
        (replace(CONTACTS, fields=fields("shoe_size__c", "ears")), "ears, shoe_size__c"),
        (replace(CONTACTS, fields=fields("createddate")), "createddate"),
        (replace(CONTACTS, fields=frozenset({"weft_id__c", "profile_id"})), "LastName"),
        (replace(CONTACTS, key="lastname", fields=fields()), "External ID"),
        (replace(CONTACTS, key="id", fields=fields()), "mode: update"),
    ],
)
def test_what_does_not_fit_is_told_before_the_first_batch(org: Org, delivery: Delivery, told: str) -> None:
    with pytest.raises(DestinationRefused) as refused:
        org.destination.check(delivery)
    assert told in str(refused.value)


def test_a_feed_that_fits_passes(org: Org) -> None:
    org.destination.check(replace(CONTACTS, fields=fields("EMAIL", "Weft_Tier__c")))
    org.destination.check(Delivery("record", "Lead", Mode.UPDATE, "id", fields=frozenset({"id", "phone"})))


# signing in


def test_an_app_that_signs_for_a_user_gets_in(org: Org, sandbox: Running) -> None:
    org.api.sign_in_with_key()
    way: dict[str, Any] = {"client_secret": None, "refresh_token": None, "private_key": SecretStr(org.api.private_key)}
    Org(sandbox, username="weft@example.com", **way).destination.check(CONTACTS)

    with pytest.raises(DestinationRefused, match="pre-authorise"):
        Org(sandbox, username="else@example.com", **way).destination.check(CONTACTS)
    with pytest.raises(DestinationRefused, match=r"https://login\.salesforce\.com"):
        Org(sandbox, username="weft@example.com", login_url="https://x.my.salesforce.com", **way).destination.check(
            CONTACTS
        )


def test_a_session_that_ends_in_the_middle_is_renewed(org: Org) -> None:
    given = org.api.office.given
    for batch in ("one", "two"):
        assert {one.outcome for one in org.send(contacts(batch, 3))} == {Outcome.APPLIED}
        org.api.office.expire()
    assert org.api.office.given == given + 2


def test_the_address_of_another_org_is_told_with_the_right_one(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    def another(request: Any) -> dict[str, Any]:
        return {"instance_url": "https://acme.my.salesforce.com"}

    office = TokenOffice("weft-demo-app", "weft-demo-secret", org.api.key, lifetime=None, further=another)
    monkeypatch.setattr(org.api, "office", office)
    with pytest.raises(DestinationRefused, match=r"Use https://acme\.my\.salesforce\.com"):
        org.destination.check(CONTACTS)


@pytest.mark.parametrize(
    "changes",
    [
        {"refresh_token": None},
        {"username": "u"},
        {"refresh_token": None, "username": "u"},
        {"username": "u", "private_key": SecretStr("k")},
    ],
)
def test_exactly_one_way_to_sign_in_is_taken(sandbox: Running, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="either username and private_key"):
        settings(sandbox, **changes)


# answers


@pytest.mark.parametrize(
    ("status", "code", "message", "action"),
    [
        (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", Action.REFUSE),
        (403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API) Limit exceeded.", Action.RETRY),
        (403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization.", Action.REFUSE),
        (410, "UNSUPPORTED_API_VERSION", "gone", Action.REFUSE),
        (400, "EXCEEDEDQUOTA", "Batch limit", Action.REFUSE),
        (400, "REQUEST_RUNNING_TOO_LONG", "slow", Action.UNSURE),
        (400, "JSON_PARSER_ERROR", "someone@example.com", Action.ANSWER),
        (503, "SERVER_UNAVAILABLE", "busy", Action.RETRY),
    ],
)
@pytest.mark.parametrize("as_text", [False, True])
def test_error_codes_decide_what_is_done(status: int, code: str, message: str, action: Action, as_text: bool) -> None:
    body: Any = [{"errorCode": code, "message": message}]
    if as_text:
        body = f'[{{"errorCode": "{code}", "message": "{message}"}}]'
    verdict = classify(Response(status, {}, body))
    assert (verdict.action, message in str(verdict)) == (action, False)


def test_a_warning_comes_before_the_calls_of_the_day_are_used_up(
    org: Org, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(org.api, "limit_headers", lambda *_: {"Sforce-Limit-Info": "api-usage=90001/100000"})
    org.destination.check(CONTACTS)
    assert "90001 of the org's 100000 API calls" in caplog.text


def test_results_are_read_as_utf8_whatever_the_header_says(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "BULK_FROM", 1)
    rows = contacts("Zoë ❤ ", 2)
    assert {one.outcome for one in org.send(rows)} == {Outcome.APPLIED}
    with responses.RequestsMock() as vendor:
        vendor.get("https://x.example/r", body="Zoë".encode(), content_type="text/csv")
        answer = HttpClient("https://x.example", {}).request("GET", "/r", reads="text", idempotent=True)
    assert answer.data == "Zoë"


@pytest.mark.parametrize("op", [Op.ADD, Op.CHANGE, Op.REMOVE])
def test_a_row_is_measured_at_least_as_long_as_it_is_sent(org: Org, op: Op) -> None:
    awkward = {
        "firstname": 'Zoë "Z" \\ ❤',
        "weft_note__c": '"\n"' * 20,
        "weft_seen_at__c": datetime(2026, 7, 1, 12, 30),
        "weft_lifetime_value__c": Decimal("12.50"),
        "birthdate": None,
        "weft_active__c": True,
    }
    rows = [one._replace(changed=frozenset(awkward)) for one in contacts("size", 50, op, **awkward)]
    thing = Thing.of(described())
    ours = [name for name in rows[0].payload if name.startswith("weft_") and name != CONTACTS.key]
    values = [
        {"Id": "0" * 18, **dict.fromkeys(ours)} if op is Op.REMOVE else written(CONTACTS, row, whole=False)
        for row in rows
    ]
    records = [thing.record(one) for one in values]
    measured = sum(org.destination.size(CONTACTS, row) for row in rows)

    assert measured >= len(csv_of(records))
    assert measured >= len(encode(collection("Contact", records))) - 50


def described() -> dict[str, Any]:
    """What the org tells of its contacts."""
    return {"name": "Contact", "fields": [one.describe() for one in THINGS["contact"].fields.values()]}


def test_cells_are_quoted_where_they_must_be() -> None:
    records: list[dict[str, Any]] = [{"A": "x", "B": None}, {"A": 'a"b', "C": " c"}, {"A": "", "C": "1\n2"}]
    assert csv_of(records) == b'A,B,C\nx,#N/A,\n"a""b",," c"\n#N/A,,"1\n2"\n'


def test_lookups_keep_to_the_length_of_an_address_and_escape_keys() -> None:
    keys = [f"o'brien \\ {number}" for number in range(1_000)]
    queries = list(lookups("Contact", "Weft_Id__c", False, keys, ["Email"]))
    assert len(queries) > 1
    assert queries[0].startswith("SELECT Id, Weft_Id__c, Email FROM Contact WHERE Weft_Id__c IN ('o\\'brien \\\\ 0',")
    assert sum(query.count("brien") for query in queries) == 1_000
    assert list(lookups("Contact", "Number__c", True, ["7"], [])) == [
        "SELECT Id, Number__c FROM Contact WHERE Number__c IN (7)"
    ]


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        ("datetime", "2026-07-01 12:30:00.123", "2026-07-01T12:30:00.123Z"),
        ("datetime", "2026-07-01T12:30:00+02:00", "2026-07-01T12:30:00+02:00"),
        ("date", "2026-07-01 00:00:00", "2026-07-01"),
        ("date", date(2026, 7, 1), "2026-07-01"),
        ("string", 7, "7"),
        ("string", True, "true"),
        ("string", Decimal("1.10"), "1.10"),
        ("multipicklist", ["a", "b"], "a;b"),
        ("double", Decimal("1.5"), 1.5),
        ("boolean", False, False),
        ("string", None, None),
    ],
)
def test_values_are_written_as_their_field_takes_them(kind: str, value: Any, written: Any) -> None:
    thing = Thing.of({"name": "X", "fields": [{"name": "F", "type": kind}]})
    assert thing.record({"f": value}) == {"F": written}
    assert text("plain") == "plain"
