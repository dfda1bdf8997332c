"""What each answer makes of the ledger and the state, on both warehouses."""

from __future__ import annotations

from typing import Any

import pytest

from reverse_etl.commit import record
from reverse_etl.engine import run_sync
from reverse_etl.results import Answers
from reverse_etl.rows import Op, Outcome, RowResult
from tests.engine.account import Line
from tests.engine.shop import AS_OF, Shop
from warehouse.errors import WarehouseError

HELD = {"row_hash", "mapping_hash", "applied_at"}
RESULTS = {
    Outcome.APPLIED: RowResult("ada@example.com", Outcome.APPLIED, destination_id="new"),
    Outcome.ACCEPTED: RowResult("ada@example.com", Outcome.ACCEPTED, job_id="job-9"),
    Outcome.PERMANENT: RowResult("ada@example.com", Outcome.PERMANENT, "invalid", "the address is not valid"),
    Outcome.TRANSIENT: RowResult("ada@example.com", Outcome.TRANSIENT, "busy", "the record is locked"),
    Outcome.AMBIGUOUS: RowResult("ada@example.com", Outcome.AMBIGUOUS, "broken", "the connection broke"),
    Outcome.INFO: RowResult("ada@example.com", Outcome.INFO, "small", "the audience is too small"),
}


def planned(shop: Shop, op: Op, *, held: bool) -> tuple[str, int]:
    """Return a plan that does something with Ada, who is held or not, and her place in it."""
    shop.add("ada", "bea")
    if held:
        lines: Any = {"memory": Line(shop.account)}
        shop.load()
        run_sync(shop.warehouse, shop.sync(), lines, AS_OF, clock=shop.clock)
    shop.people["ada"]["orders"] = 7
    if op in (Op.REMOVE, Op.MERGE) and held:
        del shop.people["ada"]
    run_id = shop.plan().run_id
    plan = f"{shop.warehouse.engine_schema}.sync_plan"
    plan = f"{shop.warehouse.database}.{plan}" if shop.warehouse.database else plan
    shop.warehouse.execute(
        f"update {plan} set op = '{op}', into_key = 'bea@example.com' "
        f"where run_id = '{run_id}' and row_key = 'ada@example.com'"
    )
    [row] = [row for row in shop.engine("sync_plan") if row["row_key"] == "ada@example.com" and row["run_id"] == run_id]
    return run_id, int(row["seq"])


def ada(shop: Shop) -> dict[str, Any] | None:
    """Return what the state says of Ada."""
    rows = [row for row in shop.engine("sync_state") if row["row_key"] == "ada@example.com"]
    assert len(rows) <= 1
    return rows[0] if rows else None


def commit(shop: Shop, run_id: str, seq: int, result: RowResult, *, doubt: bool = False) -> None:
    """Commit one answer."""
    answers = Answers()
    answers.add(3, [seq], [result], doubt=doubt)
    record(shop.warehouse, "shop_contacts", run_id, answers, shop.clock.now())


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("op", [Op.ADD, Op.REMOVE])
def test_each_answer_has_its_effect(shop: Shop, op: Op, held: bool, outcome: Outcome) -> None:
    run_id, seq = planned(shop, op, held=held)
    before = ada(shop)
    commit(shop, run_id, seq, RESULTS[outcome])
    [line] = [row for row in shop.engine("sync_ledger") if row["run_id"] == run_id]
    assert (line["row_key"], line["op"], line["outcome"], line["batch_id"]) == ("ada@example.com", op, outcome, 3)
    assert (line["code"], line["reason"], line["job_id"]) == RESULTS[outcome][2:5]
    check(ada(shop), before, op, outcome, run_id)


@pytest.mark.parametrize(
    ("op", "outcome"),
    [(Op.ADD, Outcome.APPLIED), (Op.MERGE, Outcome.APPLIED), (Op.ADD, Outcome.AMBIGUOUS), (Op.ADD, Outcome.PERMANENT)],
)
def test_both_warehouses_agree(any_shop: Shop, op: Op, outcome: Outcome) -> None:
    run_id, seq = planned(any_shop, op, held=True)
    before = ada(any_shop)
    commit(any_shop, run_id, seq, RESULTS[outcome])
    check(ada(any_shop), before, op, outcome, run_id)
    # Nobody else was touched.
    assert [row["in_doubt"] for row in any_shop.engine("sync_state") if row["row_key"] == "bea@example.com"] == [False]


def check(now: dict[str, Any] | None, before: dict[str, Any] | None, op: Op, outcome: Outcome, run_id: str) -> None:
    """Compare the state with what it should have become."""
    leaves = op in (Op.REMOVE, Op.MERGE)
    silent = outcome in (Outcome.TRANSIENT, Outcome.INFO) or (leaves and outcome is Outcome.PERMANENT)
    if leaves and outcome is Outcome.APPLIED:
        assert now is None
        return
    if silent:
        assert now == before
        return
    assert now is not None
    if outcome is Outcome.APPLIED:
        assert all(now[column] is not None for column in HELD)
        assert now["row_hash"] != (before or {}).get("row_hash")
        assert '"orders":7' in now["payload"].replace(" ", "")
        assert (now["destination_id"], now["in_doubt"], now["job_id"]) == ("new", False, None)
        return
    # What was last applied stays known; of a row that was not, nothing is.
    assert {column: now[column] for column in HELD} == {column: (before or {}).get(column) for column in HELD}
    assert now["in_doubt"] is (outcome is Outcome.AMBIGUOUS)
    assert (now["job_id"], now["job_run_id"]) == (("job-9", run_id) if outcome is Outcome.ACCEPTED else (None, None))
    refused = outcome is Outcome.PERMANENT
    assert now["quarantined_code"] == ("invalid" if refused else None)
    assert (now["quarantined_hash"] is not None) is refused


def test_an_applied_row_forgets_doubt_and_quarantine(any_shop: Shop) -> None:
    run_id, seq = planned(any_shop, Op.ADD, held=True)
    for outcome in (Outcome.AMBIGUOUS, Outcome.PERMANENT, Outcome.APPLIED):
        answers = Answers()
        answers.add(list(Outcome).index(outcome) + 1, [seq], [RESULTS[outcome]])
        record(any_shop.warehouse, "shop_contacts", run_id, answers, any_shop.clock.now())
    now = ada(any_shop)
    assert now is not None
    assert (now["in_doubt"], now["quarantined_hash"], now["quarantined_code"]) == (False, None, None)


def test_a_row_to_be_tried_again_is_doubtful_where_its_batch_broke_off(any_shop: Shop) -> None:
    run_id, seq = planned(any_shop, Op.ADD, held=False)
    commit(any_shop, run_id, seq, RESULTS[Outcome.TRANSIENT], doubt=True)
    now = ada(any_shop)
    assert now is not None
    assert (now["in_doubt"], now["row_hash"]) == (True, None)


def test_a_settled_row_is_released_from_its_job_whatever_became_of_it(any_shop: Shop) -> None:
    any_shop.add("ada", "bea", "cid")
    any_shop.account.refused = {"bea@example.com"}
    any_shop.account.flaky = {"cid@example.com"}
    report = any_shop.run(object="list", target="L1")
    assert (report.applied, report.refused, report.transient) == (1, 1, 1)
    rows = {row["row_key"]: row for row in any_shop.engine("sync_state")}
    assert all(row["job_id"] is None and row["job_run_id"] is None for row in rows.values())
    assert rows["bea@example.com"]["quarantined_code"] == "invalid"
    any_shop.account.flaky = set()
    assert any_shop.run(object="list", target="L1").applied == 1


def test_answers_of_many_kinds_are_one_commit(any_shop: Shop) -> None:
    names = [f"p{number:02}" for number in range(6)]
    any_shop.add(*names)
    run_id = any_shop.plan().run_id
    answers = Answers()
    keys = [f"{name}@example.com" for name in names]
    said = [RESULTS[outcome]._replace(key=key) for outcome, key in zip(Outcome, keys, strict=True)]
    answers.add(1, [1, 2, 3], said[:3])
    answers.add(2, [4, 5, 6], said[3:], doubt=True)
    record(any_shop.warehouse, "shop_contacts", run_id, answers, any_shop.clock.now())
    ledger = {row["row_key"]: (row["batch_id"], row["outcome"]) for row in any_shop.engine("sync_ledger")}
    assert ledger == {
        key: (1 if place < 3 else 2, outcome) for place, (key, outcome) in enumerate(zip(keys, Outcome, strict=True))
    }
    state = {row["row_key"]: row for row in any_shop.engine("sync_state")}
    assert set(state) == {keys[place] for place in (0, 1, 2, 3, 4)}
    assert [state[keys[place]]["in_doubt"] for place in range(5)] == [False, False, False, True, True]


def test_an_answer_of_a_row_that_the_plan_lacks_is_refused(any_shop: Shop) -> None:
    run_id, _ = planned(any_shop, Op.ADD, held=False)
    with pytest.raises(WarehouseError, match="1 rows were sent, and the stored plan has 0"):
        commit(any_shop, run_id, 99, RESULTS[Outcome.APPLIED])
    assert any_shop.engine("sync_ledger") == []


def test_many_jobs_are_settled_in_groups_that_fit_into_memory(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reverse_etl.settle.HELD_ROWS", 9)
    names = [f"p{number:02}" for number in range(30)]
    shop.add(*names)
    shop.account.slow = 1
    shop.account.refused = {"p07@example.com"}
    report = shop.run(object="list", target="L1")
    assert (report.applied, report.refused, report.accepted) == (29, 1, 0)
    assert shop.run(object="list", target="L1").sent == 0
