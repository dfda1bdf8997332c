"""Sending: windows, several calls at a time, pages in flat memory, and what a kill at any point leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Barrier, Event, Lock
from typing import Any

import pytest

from reverse_etl import commit, pages, runs, send
from reverse_etl.crew import Crew, Width
from reverse_etl.destinations.base import Delivery, Tally
from reverse_etl.engine import run_sync
from reverse_etl.errors import AmbiguousCall, DestinationDown, DestinationRefused
from reverse_etl.ledger import Filters, read
from reverse_etl.report import RunReport, Status
from reverse_etl.rows import Op, Outcome, Row, RowResult
from reverse_etl.runs import latest
from reverse_etl.send import Pace, Sender
from reverse_etl.settle import settle
from tests.engine.account import Killed, Memory
from tests.engine.shop import AS_OF, Shop
from warehouse.base import Warehouse
from warehouse.errors import WarehouseError

NAMES = tuple(f"p{number:02}" for number in range(40))  # ten calls of four


class Parallel(Memory):
    """The account behind a door where calls of several threads meet."""

    door: Callable[[Op, Sequence[Row]], None]

    def send(self, delivery: Delivery, op: Op, rows: Sequence[Row]) -> list[RowResult]:
        """Pass the door, then be taken."""
        self.door(op, rows)
        return super().send(delivery, op, rows)


@dataclass
class Line:
    """A connection through that door."""

    shop: Shop
    door: Callable[[Op, Sequence[Row]], None]
    opened: list[Parallel] = field(default_factory=list)

    def open(self) -> Parallel:
        """Return the destination."""
        destination = Parallel(self.shop.account)
        destination.door = self.door
        self.opened.append(destination)
        return destination


def run(shop: Shop, door: Callable[[Op, Sequence[Row]], None], **changes: Any) -> RunReport:
    """Run the shop's sync with up to three calls at a time."""
    shop.load()
    lines: Any = {"memory": Line(shop, door)}
    return run_sync(shop.warehouse, shop.sync(**{"object": "full"} | changes), lines, AS_OF, clock=shop.clock)


def never(*arguments: object, **named: object) -> None:
    """Stand for a process that ends on the spot."""
    raise Killed


def windows(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Return a list that fills with the windows that are written down before they leave."""
    seen: list[tuple[int, int]] = []
    sending = runs.sending

    def note(warehouse: Warehouse, run_id: str, first: int, last: int, fence: Callable[[], None]) -> None:
        seen.append((first, last))
        sending(warehouse, run_id, first, last, fence)

    monkeypatch.setattr(runs, "sending", note)
    return seen


def test_the_first_window_is_one_batch_and_the_next_are_larger(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = windows(monkeypatch)
    shop.add(*NAMES)
    assert shop.run().applied == 40
    assert seen == [(1, 4), (5, 36), (37, 40)]


def test_a_window_that_takes_long_is_committed_before_its_end(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = windows(monkeypatch)
    shop.add(*NAMES)

    def slow(op: Op, rows: Sequence[Row]) -> None:
        shop.clock.moment += timedelta(seconds=30)

    shop.account.before = slow
    assert shop.run().applied == 40
    assert seen == [(first, first + 3) for first in range(1, 41, 4)]


def test_a_call_that_must_not_be_repeated_is_a_window_of_its_own(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = windows(monkeypatch)
    shop.add(*NAMES[:10])
    shop.run(object="once", mode="append")
    assert seen == [(1, 4), (5, 8), (9, 10)]


def test_windows_grow_until_commits_take_a_quarter_of_the_time() -> None:
    pace = Pace()
    pace.learn(100, 0.1, 3.0)
    assert (pace.rows, pace.seconds) == (800, 9.0)
    for _ in range(3):
        pace.learn(pace.rows, pace.rows / 1000, 3.0)
    assert pace.rows == 9000
    pace.learn(9000, 90.0, 0.1)
    assert (pace.rows, pace.seconds) == (200, 2.0)
    pace.learn(1, 0.0, 0.0)
    assert pace.rows == 1600
    pace.rows = 10**9
    pace.learn(10**9, 1.0, 0.0)
    assert pace.rows == send.WINDOW_ROWS


@pytest.mark.parametrize("target", ["reverse_etl.runs.sending", "reverse_etl.send.record", "reverse_etl.runs.landed"])
def test_killed_around_a_window_the_next_run_converges(
    any_shop: Shop, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    any_shop.add(*NAMES[:10])
    with monkeypatch.context() as patch:
        patch.setattr(target, never)
        with pytest.raises(Killed):
            any_shop.run()
    assert [row["outcome"] for row in any_shop.engine("sync_ledger")] == []
    assert any_shop.engine("sync_state") == []
    del any_shop.people["p00"]
    any_shop.run()
    assert any_shop.account.rows == any_shop.eligible()
    assert any_shop.run().sent == 0


@pytest.mark.parametrize("statement", ["execute_with", "_FOLLOW", "landed", "fence"])
def test_a_commit_is_all_or_nothing(any_shop: Shop, statement: str, monkeypatch: pytest.MonkeyPatch) -> None:
    any_shop.add(*NAMES[:10])
    any_shop.plan()
    [planned] = {row["run_id"] for row in any_shop.engine("sync_plan")}
    fences = iter((lambda: None, never) if statement == "fence" else (lambda: None,) * 2)  # announced, committed
    sender = Sender(
        any_shop.warehouse,
        any_shop.sync(),
        Memory(any_shop.account),
        planned,
        any_shop.clock,
        fence=lambda: next(fences)(),
    )
    if statement == "execute_with":
        monkeypatch.setattr(any_shop.warehouse, "execute_with", never)
    elif statement == "_FOLLOW":
        monkeypatch.setattr(commit, "_FOLLOW", "delete from sync_state where no_such_column = 1")
    elif statement == "landed":
        monkeypatch.setattr(runs, "landed", never)
    with pytest.raises((Killed, WarehouseError)):
        sender.send(lambda done: None)
    assert any_shop.engine("sync_ledger") == []
    assert any_shop.engine("sync_state") == []
    [begun] = any_shop.engine("sync_runs")
    assert (begun["sending_from"], begun["sending_to"]) == (1, 4)
    assert sender.outcomes == {}


def test_results_that_cannot_be_committed_are_in_doubt(any_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    any_shop.add(*NAMES[:10])

    def full(*arguments: object, **named: object) -> int:
        raise WarehouseError("There is no room.", where="the disk", fix="make room")

    with monkeypatch.context() as patch:
        patch.setattr(any_shop.warehouse, "execute_with", full)
        with pytest.raises(WarehouseError, match="no room"):
            any_shop.run()
    assert latest(any_shop.warehouse)[0]["status"] == Status.FAILED
    assert len(any_shop.account.rows) == 4

    # They are at the destination, and no longer in the feed: only the doubt can tell the next run to remove them.
    for name in NAMES[:4]:
        del any_shop.people[name]
    report = any_shop.run(guards={})
    assert report.planned == {"add": 6, "change": 0, "remove": 4, "merge": 0}
    assert any_shop.account.rows == any_shop.eligible()
    former = latest(any_shop.warehouse, limit=2)[1]
    assert (former["status"], former["sending_from"], former["message"]) == (Status.FAILED, None, "There is no room.")


def test_a_plan_that_somebody_changed_is_not_taken_for_sent(shop: Shop) -> None:
    shop.add(*NAMES[:4])

    def meddle(op: Op, rows: Sequence[Row]) -> None:
        shop.account.after = None
        with shop.warehouse._connection.cursor() as other:  # type: ignore[attr-defined]
            other.execute("delete from weft_engine.sync_plan where seq = 2")

    shop.account.after = meddle
    with pytest.raises(WarehouseError, match="4 rows were sent, and the stored plan has 3 of them"):
        shop.run()
    assert shop.engine("sync_state") == []
    shop.run()
    assert shop.account.rows == shop.eligible()


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (AmbiguousCall("The connection broke."), Outcome.AMBIGUOUS),
        (DestinationDown("No answer."), Outcome.TRANSIENT),
        (DestinationRefused("The key was withdrawn."), Outcome.TRANSIENT),
    ],
)
def test_when_one_of_two_calls_breaks_the_other_is_committed(shop: Shop, error: Exception, outcome: Outcome) -> None:
    shop.add(*NAMES[:20])
    lock, calls, both = Lock(), [0], Barrier(2, timeout=30)

    def door(op: Op, rows: Sequence[Row]) -> None:
        with lock:
            calls[0] += 1
            number = calls[0]
        if number in (2, 3):  # the second window; the first was one batch, and then there may be two at a time
            both.wait()
        if number == 2:
            raise error

    with pytest.raises(type(error)):
        run(shop, door)
    told = {row["row_key"]: row["outcome"] for row in read(shop.warehouse, "shop_contacts")}
    # The other call had arrived; others may have left before the break was known, and are let finish.
    assert {key for key, became in told.items() if became == "applied"} == set(shop.account.rows)
    assert len(shop.account.rows) >= 8
    assert [became for became in told.values() if became != "applied"] == [outcome] * 4
    [ended] = latest(shop.warehouse)
    assert (ended["status"], ended["sent"], ended["applied"]) == (Status.FAILED, len(told), len(told) - 4)
    assert (ended["sending_from"], ended["sending_to"]) == (None, None)
    for name in NAMES[:12]:
        del shop.people[name]
    run(shop, lambda op, rows: None, guards={})
    assert shop.account.rows == shop.eligible()


def test_no_more_calls_at_a_time_than_the_destination_bears(shop: Shop) -> None:
    shop.add(*NAMES)
    lock, under_way, most = Lock(), [0], [0]
    met = Barrier(3, timeout=30)

    def door(op: Op, rows: Sequence[Row]) -> None:
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        # The first call is a window of its own, two come after it, and from then on there are three at a time.
        if rows[0].key[:3] in ("p12", "p16", "p20"):
            met.wait()
        with lock:
            under_way[0] -= 1

    assert run(shop, door).applied == 40
    assert most[0] == 3
    assert shop.account.rows == shop.eligible()


def test_one_more_call_at_a_time_for_each_round_and_half_after_a_refusal() -> None:
    counts = Tally()
    width = Width(4, counts)
    widths = []
    for _ in range(9):
        width.returned()
        widths.append(width.now)
    assert widths == [2, 2, 3, 3, 3, 4, 4, 4, 4]
    counts.throttled = 1
    width.returned()
    assert width.now == 2
    for _ in range(6):
        counts.waited += 0.5  # the budget is what the calls wait for, so more at a time would be no faster
        width.returned()
    assert width.now == 2


def test_the_lease_is_renewed_while_calls_are_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reverse_etl.crew.SLICE", 0.01)
    release = Event()
    beats: list[int] = []

    def beat() -> None:
        beats.append(1)
        if len(beats) == 3:
            release.set()

    with Crew[bool](1, Tally(), beat) as crew:
        crew.hand(release.wait, 30)
        assert crew.returned() == [True]
    assert len(beats) >= 3


def test_a_lease_lost_while_waiting_commits_nothing(shop: Shop) -> None:
    shop.add(*NAMES[:4])
    shop.plan()
    [planned] = {row["run_id"] for row in shop.engine("sync_plan")}
    beats: list[int] = []

    def beat() -> None:
        beats.append(1)
        if len(beats) == 2:
            raise WarehouseError("The lease is another's.", where="sync_leases", fix="wait")

    sender = Sender(shop.warehouse, shop.sync(), Memory(shop.account), planned, shop.clock, beat=beat)
    with pytest.raises(WarehouseError, match="another's"):
        sender.send(lambda done: None)
    assert shop.engine("sync_ledger") == []


def test_pages_hold_no_more_characters_than_they_may(any_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    any_shop.add(*NAMES[:12])
    for name in NAMES[:12]:
        any_shop.people[name]["first_name"] = "x" * (5_000 if name == "p05" else 100)
    monkeypatch.setattr(pages, "PAGE_BYTES", 600)
    monkeypatch.setattr(pages, "PAGE", 5)
    read_at_once: list[int] = []
    tuples = any_shop.warehouse.tuples

    def note(sql: Any) -> list[tuple[Any, ...]]:
        found = tuples(sql)
        if any(isinstance(value, str) and value.startswith("{") for row in found for value in row):
            read_at_once.append(len(found))
        return found

    monkeypatch.setattr(any_shop.warehouse, "tuples", note)
    assert any_shop.run(guards={}).applied == 12
    assert sum(read_at_once) == 12
    assert max(read_at_once) == 3
    assert 1 in read_at_once
    assert any_shop.account.rows == any_shop.eligible()


def test_numbers_of_any_length_arrive_as_they_are(shop: Shop) -> None:
    shop.columns = ("email", "huge", "exact", "rate", "nothing")
    shop.add("ada")
    shop.people["ada"] |= {"huge": str(2**70 + 1), "exact": str(2**63 - 1), "rate": "0.5", "nothing": None}
    shop.load()
    feed = shop.relation("feed")
    shop.warehouse.execute(f"alter table {feed} alter column huge type hugeint using huge::hugeint")
    shop.warehouse.execute(f"alter table {feed} alter column exact type bigint using exact::bigint")
    shop.warehouse.execute(f"alter table {feed} alter column rate type double using rate::double")
    shop.run(load=False)
    [row] = shop.account.rows.values()
    assert row == {"email": "ada@example.com", "huge": 2**70 + 1, "exact": 2**63 - 1, "rate": 0.5, "nothing": None}


def test_nothing_but_refusals_blames_us_and_not_the_rows(shop: Shop) -> None:
    shop.add(*NAMES)
    shop.account.poison = {f"{name}@example.com" for name in NAMES}
    with pytest.raises(DestinationRefused, match="refuses every row"):
        shop.run(batch_rows=4)
    told = [row["outcome"] for row in read(shop.warehouse, "shop_contacts")]
    # What was committed before the suspicion arose stays refused; nothing after it.
    assert (told.count("permanent"), told.count("transient")) == (4, 16)


def test_killed_while_settling_the_next_run_asks_again(any_shop: Shop) -> None:
    any_shop.add(*NAMES[:10])
    asked: list[int] = []
    take = any_shop.account.take

    def die_in_the_second_job(*arguments: Any, **named: Any) -> None:
        asked.append(1)
        if len(asked) == 5:
            raise Killed
        take(*arguments, **named)

    any_shop.account.take = die_in_the_second_job  # type: ignore[method-assign]
    with pytest.raises(Killed):
        any_shop.run(object="list", target="L1")
    assert {row["job_id"] for row in any_shop.engine("sync_state")} == {"job-1", "job-2", "job-3"}
    any_shop.account.take = take  # type: ignore[method-assign]
    # The vendor still has the results of the jobs, the first of which nobody wrote down.
    sent = {key: any_shop.people[key.split("@")[0]] for _, key in any_shop.account.seen}
    for number, job in enumerate(("job-1", "job-2")):
        keys = [f"{name}@example.com" for name in NAMES[number * 4 : number * 4 + 4]]
        rows = [Row(key, Op.ADD, {column: sent[key][column] for column in any_shop.columns}) for key in keys]
        any_shop.account.jobs[job] = (Op.ADD, rows)
    report = any_shop.run(object="list", target="L1")
    assert (report.settled_before, report.sent) == ({"applied": 10}, 0)
    assert any_shop.account.rows == any_shop.eligible()


def test_the_lease_is_renewed_between_two_questions_to_a_slow_vendor(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.add(*NAMES[:4])
    shop.account.slow = 1000
    shop.run(object="list", target="L1", settle_seconds=0)
    beats: list[float] = []
    fields = (shop.warehouse, shop.sync(object="list", target="L1", settle_seconds=300), Memory(shop.account), "r2")
    begun = shop.clock.elapsed()
    outcomes, jobs = settle(
        *fields, shop.clock, iter(range(9)), lambda done, total: None, lambda: beats.append(shop.clock.elapsed())
    )
    assert (outcomes, len(jobs)) == ({}, 1)
    assert beats[-1] - begun > 250
    assert max(later - earlier for earlier, later in zip([begun, *beats], beats, strict=False)) <= 20


def test_a_row_that_the_destination_says_nothing_of_is_in_doubt(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.add(*NAMES[:4])
    take = Memory._take

    def mumble(self: Memory, *arguments: Any) -> list[RowResult]:
        told = take(self, *arguments)
        return [told[3], RowResult("nobody@example.com", Outcome.APPLIED), told[0], told[2]]

    monkeypatch.setattr(Memory, "_take", mumble)
    report = shop.run()
    assert (report.applied, report.ambiguous) == (3, 1)
    [unanswered] = read(shop.warehouse, "shop_contacts", Filters(outcome="ambiguous"))
    assert (unanswered["row_key"], unanswered["code"]) == ("p01@example.com", "unanswered")
    applied = {row["row_key"]: row["destination_id"] for row in shop.engine("sync_state") if row["row_hash"]}
    assert applied == {f"{name}@example.com": f"id-{name}@example.com" for name in ("p00", "p02", "p03")}
