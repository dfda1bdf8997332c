"""Every destination end to end against the simulated accounts: what it sends arrives, and what it says is true."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reverse_etl.breaker import FIRST_PAUSE
from reverse_etl.errors import AmbiguousCall, DestinationDown, DestinationRefused
from reverse_etl.rows import Op, Outcome, Row
from sandbox.server import Running

from .accounts import DELIVERIES, NAMES, Account, open_destination, outcomes, people
from .conftest import make_row


@pytest.fixture(params=NAMES)
def account(request: pytest.FixtureRequest, sandbox: Running) -> Account:
    return Account(request.param, sandbox)


def test_rows_are_added_changed_and_removed(account: Account) -> None:
    before = account.members
    added = account.send(Op.ADD, people("life", 60, name=account.name))
    assert (outcomes(added), account.members) == ({"applied"}, before + 60)

    changed = people("life", 60, Op.CHANGE, account.name)
    assert outcomes(account.send(Op.CHANGE, changed)) == {"applied"}
    assert account.members == before + 60

    removed = account.send(Op.REMOVE, people("life", 40, Op.REMOVE, account.name))
    assert (outcomes(removed), account.members) == ({"applied"}, before + 20)

    again = account.send(Op.REMOVE, people("life", 60, Op.REMOVE, account.name))
    assert (outcomes(again), account.members) == ({"applied"}, before)


def test_sending_twice_changes_nothing(account: Account) -> None:
    rows = people("twice", 10, name=account.name)
    account.send(Op.ADD, rows)
    before = account.members

    assert outcomes(account.send(Op.ADD, rows)) == {"applied"}
    assert account.members == before


def test_a_refused_row_is_named_and_the_others_arrive(account: Account, sandbox: Running) -> None:
    before = account.members
    rows = people("some", 30, name=account.name)
    bad = make_row("bad", external_id="bad", email="bad@example.com") if account.name == "meta" else None
    rows[13] = bad or make_row("bad@example.com", email="bad@example.com")
    sandbox.fault("refuse_rows", account.name, match="bad")

    results = account.send(Op.ADD, rows)

    refused = [result for result in results.values() if result.outcome is not Outcome.APPLIED]
    assert [(r.key.split("@")[0], r.outcome) for r in refused] == [("bad", Outcome.PERMANENT)]
    assert len(results) == 30
    assert account.members == before + 29


@pytest.mark.parametrize("op", [Op.ADD, Op.REMOVE])
@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("rate_limited", {"retry_after": "seconds"}),
        ("rate_limited", {"retry_after": "date"}),
        ("rate_limited", {"retry_after": "none"}),
        ("server_error", {"status": 500}),
        ("server_error", {"status": 503}),
        ("drop_before", {}),
        ("drop_after", {}),
        ("truncate", {}),
        ("invalid_json", {}),
    ],
)
def test_trouble_on_the_way_is_overcome(
    account: Account, sandbox: Running, kind: str, fields: dict[str, Any], op: Op
) -> None:
    rows = people("trouble", 5, op, account.name)
    account.send(Op.ADD, rows)
    before = account.members
    sandbox.fault(kind, account.name, **fields)
    calls = account.destination.traffic.calls

    results = account.send(op, rows)

    assert outcomes(results) == {"applied"}
    assert account.members == (before if op is Op.ADD else before - 5)
    assert account.destination.traffic.calls > calls + 1


def test_trouble_that_lasts_is_admitted(account: Account, sandbox: Running) -> None:
    sandbox.fault("server_error", account.name, status=503, times=None)
    with pytest.raises(DestinationDown) as down:
        account.send(Op.ADD, people("lost", 2, name=account.name))
    assert not isinstance(down.value, AmbiguousCall)

    sandbox.clear_faults()
    account.time.sleep(FIRST_PAUSE)  # until then the circuit breaker lets no call through
    sandbox.fault("drop_after", account.name, times=None)
    with pytest.raises(AmbiguousCall):
        account.send(Op.ADD, people("lost", 2, name=account.name))


def test_credentials_that_stop_working_stop_the_run(account: Account, sandbox: Running) -> None:
    sandbox.fault("bad_auth", account.name)

    with pytest.raises(DestinationRefused):
        account.send(Op.ADD, people("denied", 1, name=account.name))


@pytest.mark.parametrize("name", ["klaviyo", "meta"])
def test_a_target_that_does_not_exist_is_noticed_first(sandbox: Running, name: str) -> None:
    with pytest.raises(DestinationRefused):
        open_destination(name, sandbox).check(replace(DELIVERIES[name], target="999"))


def test_klaviyo_forgets_a_value_that_became_empty(sandbox: Running) -> None:
    klaviyo = Account("klaviyo", sandbox)
    key = "forget@example.com"
    klaviyo.send(Op.ADD, [make_row(key, email=key, phone_number="+4915112345678", tier="gold", first_name="Fo")])

    emptied = {"phone_number": None, "tier": None}
    row = make_row(key, Op.CHANGE, changed=tuple(emptied), email=key, first_name="Fo", **emptied)
    assert outcomes(klaviyo.send(Op.CHANGE, [row])) == {"applied"}

    [kept] = [record for record in klaviyo.account.records if "forget@example.com" in str(record)]
    assert "+49" not in str(kept)
    assert "gold" not in str(kept)
    assert "Fo" in str(kept)


def test_klaviyo_removals_leave_consent_alone(sandbox: Running) -> None:
    klaviyo = Account("klaviyo", sandbox)
    rows = people("consent", 3, name="klaviyo")
    klaviyo.send(Op.ADD, rows)
    before = [record for record in klaviyo.account.records if "consent" in str(record)]
    klaviyo.send(Op.REMOVE, rows)

    assert [record for record in klaviyo.account.records if "consent" in str(record)] == before
    paths = {call["path"] for call in klaviyo.account.calls}
    assert not [path for path in paths if "subscription" in path or "suppression" in path or "privacy" in path]


def test_a_cancelled_klaviyo_job_leaves_its_rows_for_the_next_run(sandbox: Running) -> None:
    klaviyo = Account("klaviyo", sandbox)
    sandbox.fault("job_failed", "klaviyo")

    assert outcomes(klaviyo.send(Op.ADD, people("cancelled", 3, name="klaviyo"))) == {"transient"}


def test_hubspot_answers_for_invalid_and_doubled_rows_one_by_one(sandbox: Running) -> None:
    hubspot = Account("hubspot", sandbox)
    rows = [
        make_row("ok@example.com", email="ok@example.com", weft_lifetime_value=12.5),
        make_row("not-an-address", email="not-an-address"),
        make_row("double@example.com", email="double@example.com"),
        make_row("DOUBLE@example.com", email="DOUBLE@example.com"),
    ]

    results = hubspot.send(Op.ADD, rows)

    assert {key: result.outcome.value for key, result in results.items()} == {
        "ok@example.com": "applied",
        "not-an-address": "permanent",
        "double@example.com": "applied",
        "DOUBLE@example.com": "applied",
    }
    assert results["ok@example.com"].destination_id


def test_a_contact_that_leaves_hubspots_segment_stays_without_wefts_properties(sandbox: Running) -> None:
    hubspot = Account("hubspot", sandbox)
    rows = people("leaver", 3, name="hubspot", firstname="Lea", weft_tier="gold")
    added = hubspot.send(Op.ADD, rows)
    before = len(hubspot.account.records)
    # The first is known by its id, the second by its address only, the third's id is another one since somebody merged
    # it, and the fourth was deleted.
    known = Row(rows[0].key, Op.REMOVE, rows[0].payload, destination_id=added[rows[0].key].destination_id)
    moved = Row(rows[2].key, Op.REMOVE, rows[2].payload, destination_id="1")
    gone = Row("nobody@example.com", Op.REMOVE, rows[2].payload, destination_id="2")

    results = hubspot.send(Op.REMOVE, [known, rows[1], moved, gone])

    assert [result.outcome for result in results.values()] == [Outcome.APPLIED] * 4
    assert results[gone.key].code == "no_contact"
    assert len(hubspot.account.records) == before
    kept = [record for record in hubspot.account.records if record["email"].startswith("leaver")]
    assert kept == [{"email": row.key, "firstname": "Lea"} for row in (known, rows[1], moved)]


def test_hubspot_names_a_property_that_is_missing(sandbox: Running) -> None:
    with pytest.raises(DestinationRefused, match="shoe_size"):
        Account("hubspot", sandbox).send(Op.ADD, people("shoes", 3, name="hubspot", shoe_size=42))


def test_meta_puts_removals_off_while_the_audience_is_small(sandbox: Running) -> None:
    meta = Account("meta", sandbox)
    meta.send(Op.ADD, people("small", 3))
    before = meta.members
    sandbox.fault("audience_too_small", "meta")

    assert outcomes(meta.send(Op.REMOVE, people("small", 3, Op.REMOVE))) == {"info"}
    assert meta.members == before


def test_a_restricted_meta_audience_is_refused_before_and_while_sending(sandbox: Running) -> None:
    meta = Account("meta", sandbox)
    sandbox.fault("audience_flagged", "meta")

    with pytest.raises(DestinationRefused):
        meta.destination.check(meta.delivery)
    with pytest.raises(DestinationRefused):
        meta.send(Op.ADD, people("flagged", 1))


def test_full_batches_are_taken(account: Account) -> None:
    spec = account.destination.objects[account.delivery.object]
    limits = spec.limits[Op.ADD]
    row = people("full", 1, name=account.name)[0]
    count = min(limits.rows, limits.bytes // (account.destination.size(account.delivery, row) + 40))

    results = account.send(Op.ADD, people("full", count, name=account.name))

    assert outcomes(results) == {"applied"}
    assert len(results) == count
