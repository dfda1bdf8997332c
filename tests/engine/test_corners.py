"""Corners in which a row could be lost, sent twice, or sent without consent."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta

import pytest

from reverse_etl import tables
from reverse_etl.crew import Crew
from reverse_etl.destinations.codes import Meaning
from reverse_etl.errors import AmbiguousCall, BatchRefused, FeedError
from reverse_etl.quarantine import release
from reverse_etl.report import Status
from reverse_etl.retention import drop
from reverse_etl.rows import Op, Outcome, Row
from tests.engine.account import Killed, Memory
from tests.engine.shop import Shop


def _kill(op: Op, rows: Sequence[Row]) -> None:
    raise Killed


def _break(op: Op, rows: Sequence[Row]) -> None:
    raise AmbiguousCall("the connection broke")


def test_a_row_whose_job_ended_in_the_same_run_is_in_doubt_when_that_run_is_killed(any_shop: Shop) -> None:
    any_shop.add("ada")
    any_shop.account.slow = 1
    any_shop.account.flaky = {"ada@example.com"}
    assert any_shop.run(object="list", target="l", settle_seconds=0).status is Status.OPEN

    any_shop.account.after = _kill  # the job ends with "again, please", the row goes out again, and then the lights
    with pytest.raises(Killed):
        any_shop.run(object="list", target="l", settle_seconds=0)
    any_shop.account.after, any_shop.account.flaky, any_shop.account.slow = None, set(), 0

    any_shop.granted.clear()
    any_shop.run(object="list", target="l")
    assert any_shop.account.seen[-1] == (Op.REMOVE, "ada@example.com")


def test_a_key_that_moves_to_another_person_is_that_persons_from_then_on(any_shop: Shop) -> None:
    any_shop.add("ada", "bob", "cleo")
    any_shop.run()
    any_shop.people["zoe"] = any_shop.people.pop("ada")
    any_shop.granted.add("zoe")
    assert any_shop.run().sent == 0
    [row] = [row for row in any_shop.engine("sync_state") if row["row_key"] == "ada@example.com"]
    assert row["profile_id"] == "zoe"


def test_an_address_that_changes_in_its_case_alone_stays_one_row(any_shop: Shop) -> None:
    any_shop.add("ada", "bea")
    any_shop.people["ada"]["email"] = "Ada@Example.com "
    any_shop.run()
    any_shop.people["ada"]["email"] = "ada@example.com"
    plan = any_shop.plan()
    assert (plan.add, plan.change, plan.remove) == (0, 1, 0)
    any_shop.run()
    assert any_shop.account.rows == any_shop.eligible()

    any_shop.people["bea"]["email"] = "ADA@example.com"
    with pytest.raises(FeedError, match="1 rows repeat the email"):
        any_shop.run()


def test_names_values_and_keys_of_any_kind_arrive_and_leave(any_shop: Shop) -> None:
    # the emulator takes "$name" for a variable even inside of quotes, which Snowflake does not
    dollar = ["$name"] if any_shop.warehouse.dialect == "duckdb" else []
    odd = [
        *dollar,
        "o'hara",
        'quo"te',
        "back\\slash",
        "%s",
        "new\nline",
        "tab\t",
        "ünï",
        "😀",
        "a,b",
        "x" * 5_000,
        "\\'",
    ]
    any_shop.columns = ("email", "phone", "first_name", "seq", "op", "payload", "row_key", "sync_name", "changed")
    for number, name in enumerate(odd):
        any_shop.people[f"p{number}"] = {
            "email": f"{name}@example.com",
            "first_name": name,
            "seq": name,
            "op": "remove",
            "payload": "{}",
            "row_key": "other",
            "changed": None,
        }
        any_shop.granted.add(f"p{number}")
    any_shop.run()
    assert any_shop.account.rows == any_shop.eligible()
    assert any_shop.run().sent == 0
    for row in any_shop.people.values():
        row["first_name"] = f"{row['first_name']}!"
    any_shop.account.after = _kill
    with pytest.raises(Killed):
        any_shop.run()
    any_shop.account.after = None
    any_shop.run()
    assert any_shop.account.rows == any_shop.eligible()
    any_shop.people = {"p0": any_shop.people["p0"]}
    any_shop.run()
    assert any_shop.account.rows == any_shop.eligible()


def test_a_feed_of_a_key_alone_is_kept_in_step(any_shop: Shop) -> None:
    any_shop.columns = ("email",)
    any_shop.add("ada", "bob")
    any_shop.run()
    del any_shop.people["ada"]
    any_shop.run()
    assert any_shop.account.rows == {"bob@example.com": {"email": "bob@example.com"}}


def test_a_row_refused_alone_has_the_class_that_the_destination_gives_its_code(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Memory, "codes", {"422": Meaning(Outcome.INFO, "not now")})
    shop.add("ada", "bob")
    shop.account.poison = {"ada@example.com"}
    report = shop.run()
    assert (report.applied, report.info, report.refused) == (1, 1, 0)


def test_what_was_not_called_for_is_not_in_doubt_where_a_call_must_not_be_repeated(shop: Shop) -> None:
    shop.add("ada", "bob", "cleo", "dora")

    def break_off(op: Op, rows: Sequence[Row]) -> None:
        if len(rows) > 2:
            raise BatchRefused("422", "too many")
        raise AmbiguousCall("the connection broke")

    shop.account.before = break_off
    with pytest.raises(AmbiguousCall):
        shop.run(object="once", mode="append")
    shop.account.before = None
    shop.run(object="once", mode="append")
    assert {key for _, key in shop.account.seen} == {"cleo@example.com", "dora@example.com"}


def test_a_run_that_is_interrupted_gives_its_lease_back_after_its_last_call(shop: Shop) -> None:
    shop.add("ada", "bob", "cleo", "dora")
    entered, answers = threading.Event(), threading.Event()
    leases: list[bool] = []

    def slow(op: Op, rows: Sequence[Row]) -> None:
        entered.set()
        answers.wait(10)
        raise BatchRefused("422", "halve it, and call again")

    def interrupt(self: object) -> list[object]:
        entered.wait(10)
        leases.append(bool(shop.engine("sync_leases")[0]["owner"]))
        threading.Timer(0.3, answers.set).start()
        raise KeyboardInterrupt

    shop.account.before = slow
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Crew, "returned", interrupt)
        with pytest.raises(KeyboardInterrupt):
            shop.run(object="full")
    assert leases == [True]
    assert answers.is_set(), "the lease was given back while a call was under way"
    assert shop.engine("sync_leases")[0]["owner"] is None
    assert len(shop.account.calls) == 1, "a batch was halved after the run was broken off"

    shop.account.before = None
    shop.run(object="full")
    assert shop.account.rows == shop.eligible()


def test_who_was_asked_out_without_an_answer_is_asked_out_by_a_resync_that_has_lost_the_state(any_shop: Shop) -> None:
    any_shop.add("ada", "bob")
    any_shop.run()
    del any_shop.people["ada"]
    any_shop.account.after = _break
    with pytest.raises(AmbiguousCall):
        any_shop.run()
    any_shop.account.after = None
    drop(any_shop.warehouse, "shop_contacts", "none", any_shop.clock.now() + timedelta(days=800), timedelta(days=400))
    tables.run(any_shop.warehouse, "delete from sync_state")
    assert any_shop.plan(resync=True).remove == 1


def test_why_a_transaction_failed_is_told_though_it_cannot_be_rolled_back(any_shop: Shop) -> None:
    def fail() -> None:
        with any_shop.warehouse.transaction():
            any_shop.warehouse.execute("rollback")  # as a warehouse does by itself where the disk is full
            raise LookupError("the reason")

    with pytest.raises(LookupError, match="the reason"):
        fail()


def test_an_update_that_was_refused_and_let_go_is_sent_again(any_shop: Shop) -> None:
    any_shop.add("ada")
    any_shop.account.rows["ada@example.com"] = {}
    any_shop.account.refused = {"ada@example.com"}
    assert any_shop.run(mode="update").refused == 1
    any_shop.account.refused = set()
    assert release(any_shop.warehouse, any_shop.sync(mode="update"), "let go", any_shop.clock) == 1
    assert any_shop.run(mode="update").applied == 1


def test_an_update_whose_job_did_not_do_it_is_sent_again(any_shop: Shop) -> None:
    any_shop.add("ada")
    any_shop.account.rows["ada@example.com"] = {}
    any_shop.account.flaky = {"ada@example.com"}
    assert any_shop.run(mode="update", object="list", target="l").transient == 1
    any_shop.account.flaky = set()
    assert any_shop.run(mode="update", object="list", target="l").applied == 1


def test_rows_of_a_job_whose_plan_was_lost_are_in_doubt_and_sent_again(any_shop: Shop) -> None:
    any_shop.add("ada")
    any_shop.account.slow = 1
    assert any_shop.run(object="list", target="l", settle_seconds=0).status is Status.OPEN
    tables.run(any_shop.warehouse, "delete from sync_plan")
    any_shop.account.slow = 0
    any_shop.run(object="list", target="l")
    assert any_shop.account.seen == [(Op.ADD, "ada@example.com")] * 2
    assert any_shop.run(object="list", target="l").sent == 0
    assert any_shop.account.rows == any_shop.eligible()


def test_a_first_update_leaves_alone_what_no_sync_ever_filled(any_shop: Shop) -> None:
    any_shop.add("ada")
    any_shop.account.rows["ada@example.com"] = {"phone": "theirs"}
    assert any_shop.run(mode="update", object="full").applied == 1
    assert any_shop.account.rows["ada@example.com"] == any_shop.eligible()["ada@example.com"] | {"phone": "theirs"}


def test_an_update_that_was_refused_and_let_go_carries_its_values(any_shop: Shop) -> None:
    any_shop.add("ada")
    any_shop.account.rows["ada@example.com"] = {"phone": "theirs"}
    any_shop.account.refused = {"ada@example.com"}
    any_shop.run(mode="update", object="full")
    any_shop.account.refused = set()
    release(any_shop.warehouse, any_shop.sync(mode="update", object="full"), "let go", any_shop.clock)
    any_shop.run(mode="update", object="full")
    assert any_shop.account.rows["ada@example.com"] == any_shop.eligible()["ada@example.com"] | {"phone": "theirs"}
