"""Every destination end to end against the simulated accounts: what it sends arrives, and what it says is true."""

from __future__ import annotations

import pytest

from reverse_etl.errors import DestinationRefused
from reverse_etl.rows import Op, Outcome, Row
from sandbox.server import Running

from .accounts import Account, outcomes, people
from .conftest import make_row


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
