"""The rate budget of an account: whose turn it is, and what the vendor's headers change."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import stat
import threading
from pathlib import Path

import pytest

from reverse_etl.account import AccountFile, BucketNumbers, account_file, uptime
from reverse_etl.bucket import FASTEST, GRACE, LONGEST_PAUSE, RECOVERY, URGENT_IN_A_ROW, ask
from reverse_etl.budget import Budget, urgent
from reverse_etl.destinations.base import Limits
from reverse_etl.headers import Reading, Window

from .conftest import FakeTime


def limits(rate: float, burst: int = 1) -> Limits:
    return Limits(rows=1, bytes=1, calls_per_second=rate, burst=burst)


TEN = limits(10)


@pytest.fixture
def file(state_folder: Path) -> AccountFile:
    return account_file("vendor", "https://api.example.com", {"Authorization": "secret-token"})


@pytest.fixture
def budget(file: AccountFile, fake_time: FakeTime) -> Budget:
    return Budget(file, clock=fake_time.clock, sleep=fake_time.sleep)


def path_of(file: AccountFile) -> Path:
    assert file.path is not None
    return file.path


def seconds_for(budget: Budget, calls: int, pace: Limits) -> float:
    return sum(budget.take("crm", pace) for _ in range(calls))


def test_a_burst_goes_at_once_and_then_one_call_per_interval(budget: Budget, fake_time: FakeTime) -> None:
    pace = limits(2, burst=3)

    assert [round(budget.take("crm", pace), 6) for _ in range(5)] == [0, 0, 0, 0.5, 0.5]
    fake_time.sleep(100)
    assert [round(budget.take("crm", pace), 6) for _ in range(4)] == [0, 0, 0, 0.5]


def test_buckets_of_an_account_do_not_wait_for_each_other(budget: Budget) -> None:
    assert budget.take("crm", TEN) == 0
    assert budget.take("search", TEN) == 0
    assert budget.take("crm", TEN) > 0


def test_without_a_pace_only_the_vendor_makes_calls_wait(budget: Budget) -> None:
    assert sum(budget.take("crm", None) for _ in range(100)) == 0
    budget.learn("crm", None, Reading(retry_after=30))
    assert budget.take("crm", None) == pytest.approx(30)


def test_a_process_that_comes_later_finds_the_budget_as_others_left_it(file: AccountFile, fake_time: FakeTime) -> None:
    first = Budget(file, clock=fake_time.clock, sleep=fake_time.sleep)
    second = Budget(AccountFile(file.path), clock=fake_time.clock, sleep=fake_time.sleep)

    first.take("crm", TEN)
    assert second.take("crm", TEN) == pytest.approx(0.1)
    first.learn("crm", TEN, Reading(retry_after=7))
    assert second.take("crm", TEN) == pytest.approx(7)


def test_a_machine_keeps_to_its_share(budget: Budget) -> None:
    assert seconds_for(budget, 11, TEN) == pytest.approx(1)
    budget.share = 1 / 4
    assert seconds_for(budget, 10, TEN) == pytest.approx(4, abs=0.4)


def test_a_pause_is_never_longer_than_a_vendor_may_ask_for(budget: Budget) -> None:
    budget.learn("crm", TEN, Reading(retry_after=86_400))

    assert budget.take("crm", TEN) == pytest.approx(LONGEST_PAUSE)


# ---- the clock


@pytest.mark.parametrize("hours", [-300, -5, 5, 300])
def test_a_clock_that_jumps_neither_stalls_nor_floods(budget: Budget, fake_time: FakeTime, hours: float) -> None:
    pace = limits(10, burst=5)
    seconds_for(budget, 20, pace)
    budget.learn("crm", pace, Reading(retry_after=3))

    fake_time.jump(hours * 3600)

    waited = [budget.take("crm", pace) for _ in range(20)]
    assert waited[0] == pytest.approx(3 if hours < 0 else 0)
    assert sum(wait > 0 for wait in waited[1:]) >= 14
    assert sum(waited[1:]) == pytest.approx(1.5, abs=0.5)


# ---- urgent calls


def grant_order(numbers: BucketNumbers, waiting: list[tuple[str, bool, int]], pace: Limits = TEN) -> list[str]:
    """Let calls of (name, urgent, process) wait together, and return them in the order in which they got through."""
    now, order = 0.0, []
    tickets: dict[str, int | None] = {name: None for name, _, _ in waiting}
    ask(numbers, now, pace)
    for name, hurry, process in waiting:
        _, tickets[name] = ask(numbers, now, pace, ticket=tickets[name], urgent=hurry, process=process)
    while tickets:
        now += 0.01
        for name, hurry, process in waiting:
            if name in tickets:
                wait, tickets[name] = ask(numbers, now, pace, ticket=tickets[name], urgent=hurry, process=process)
                if wait == 0:
                    order.append(name)
                    del tickets[name]
    return order


def test_removals_go_before_calls_that_waited_longer() -> None:
    waiting = [("add1", False, 1), ("add2", False, 1), ("removal", True, 2), ("add3", False, 3)]

    assert grant_order(BucketNumbers(), waiting)[0] == "removal"


def test_removals_do_not_keep_the_others_out_for_ever() -> None:
    waiting = [("add", False, 1), *((f"removal{number}", True, 2) for number in range(30))]

    assert grant_order(BucketNumbers(), waiting).index("add") == URGENT_IN_A_ROW


def test_waiting_calls_of_processes_alternate() -> None:
    busy = [(f"busy{number}", False, 1) for number in range(6)]
    waiting = [*busy, ("small1", False, 2), ("small2", False, 2)]

    order = grant_order(BucketNumbers(), waiting)

    assert sorted(order[:4]) == ["busy0", "busy1", "small1", "small2"]


def test_calls_are_urgent_inside_the_block_only(file: AccountFile, fake_time: FakeTime) -> None:
    seen: list[bool] = []

    def look(seconds: float) -> None:
        file.change(lambda numbers: seen.extend(waiter.urgent for waiter in numbers.buckets["crm"].queue))
        fake_time.sleep(seconds)

    budget = Budget(file, clock=fake_time.clock, sleep=look)
    budget.take("crm", TEN)
    budget.take("crm", TEN)
    with urgent():
        budget.take("crm", TEN)
    budget.take("crm", TEN)

    assert seen == [False, True, False]


def test_a_waiting_process_that_was_killed_holds_up_nobody() -> None:
    numbers = BucketNumbers()
    ask(numbers, 0.0, TEN)
    ask(numbers, 0.0, TEN, urgent=True, process=1)  # never comes back

    now, wait, ticket = 0.0, 1.0, None
    while wait:
        wait, ticket = ask(numbers, now, TEN, ticket=ticket, process=2)
        now += wait

    assert now <= 0.1 + GRACE + 0.3


# ---- learning


def test_a_larger_plan_is_used_as_far_as_its_limit(budget: Budget) -> None:
    pace = limits(10, burst=10)  # what is documented for the smallest plan: 100 calls in 10 seconds
    budget.learn("crm", pace, Reading((Window(190, 10, 180),)))

    assert 17 <= budget.rate("crm", pace) <= 19


def test_no_window_that_the_vendor_names_is_overrun(budget: Budget, fake_time: FakeTime) -> None:
    pace = limits(50, burst=20)
    budget.learn("crm", pace, Reading((Window(10, 1), Window(150, 60))))

    times = []
    for _ in range(400):
        budget.take("crm", pace)
        times.append(fake_time.clock())

    for calls, seconds in ((10, 1), (150, 60)):
        most = max(sum(start <= each < start + seconds for each in times) for start in times)
        assert most <= calls
        assert most > calls * 0.3


def test_a_header_that_promises_too_much_is_not_believed(budget: Budget) -> None:
    budget.learn("crm", TEN, Reading((Window(1e12, 1),)))

    assert budget.rate("crm", TEN) == pytest.approx(10 * FASTEST)


def test_what_others_leave_is_spread_over_the_time_to_the_reset(budget: Budget, fake_time: FakeTime) -> None:
    budget.learn("crm", TEN, Reading((Window(100, 10, 4, 8),)))
    assert budget.rate("crm", TEN) == pytest.approx(0.5)

    fake_time.sleep(8)
    assert budget.rate("crm", TEN) == pytest.approx(9.5, abs=0.5)


class SlidingWindow:
    """A vendor that allows 100 calls in any 10 seconds, to us and to something else together."""

    def __init__(self, fake_time: FakeTime) -> None:
        self.time = fake_time
        self.taken: list[float] = []
        self.others = 0.0  # calls a second
        self.others_due = fake_time.clock()

    def call(self, budget: Budget, pace: Limits) -> bool:
        """Make one call of ours and let the budget hear the answer."""
        budget.take("crm", pace)
        now = self.time.clock()
        while self.others and self.others_due <= now:
            self._take(self.others_due)
            self.others_due += 1 / self.others
        took = self._take(now)
        left = 100 - self._used(now)
        budget.learn("crm", pace, Reading((Window(100, 10, left),)), spent=not took)
        return took

    def _used(self, now: float) -> int:
        return sum(now - 10 < each <= now for each in self.taken[-200:])

    def _take(self, now: float) -> bool:
        took = self._used(now) < 100
        if took:
            self.taken.append(now)
        return took


@pytest.mark.parametrize(("others", "ours"), [(0, 8.5), (3, 5.5), (5, 3.5), (8, 1.0)])
def test_in_a_sliding_window_others_are_told_from_our_own_calls(
    budget: Budget, fake_time: FakeTime, others: float, ours: float
) -> None:
    vendor = SlidingWindow(fake_time)
    pace = limits(10, burst=10)
    for _ in range(100):  # alone, until something else begins
        vendor.call(budget, pace)
    vendor.others, vendor.others_due = others, fake_time.clock()

    started, took = fake_time.clock(), []
    while fake_time.clock() < started + 600:
        took.append(vendor.call(budget, pace))

    rate = sum(took) / (fake_time.clock() - started)
    assert rate >= ours
    assert took.count(False) <= 0.02 * len(took)


def test_a_long_window_may_be_used_up_until_it_runs_low(budget: Budget) -> None:
    budget.learn("crm", TEN, Reading((Window(5000, 3600, 3000, 3000),)))
    assert budget.rate("crm", TEN) == 10

    budget.learn("crm", TEN, Reading((Window(5000, 3600, 600, 3000),)))
    assert budget.rate("crm", TEN) == pytest.approx(0.2)


def test_too_many_without_a_word_halves_the_rate_and_it_grows_back(budget: Budget, fake_time: FakeTime) -> None:
    for _ in range(5):  # answers to calls that were on their way together
        budget.learn("crm", TEN, Reading(), spent=True)
    assert budget.rate("crm", TEN) == pytest.approx(5)

    fake_time.sleep(RECOVERY)
    assert budget.rate("crm", TEN) == pytest.approx(10)


# ---- the file


def test_the_file_holds_numbers_only_and_is_nobody_elses_to_read(budget: Budget, file: AccountFile) -> None:
    budget.take("crm", TEN)

    mode = stat.S_IMODE(path_of(file).stat().st_mode)
    assert mode == 0o600
    content = path_of(file).read_text() + path_of(file).name
    assert "secret" not in content
    assert "example.com" not in content


def test_another_address_or_credential_is_another_account() -> None:
    def name(url: str, token: str) -> str:
        return path_of(account_file("vendor", url, {"Authorization": token})).name

    assert name("https://a.example.com", "one") == name("https://a.example.com/", "one")
    known = [
        name("https://a.example.com", "one"),
        name("https://b.example.com", "one"),
        name("https://a.example.com", "2"),
    ]
    assert len(set(known)) == 3


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\x00" * 4096,
        b"[]",
        b'{"buckets": {"crm": {"due": "later"}}}',
        b'{"buckets": {"crm": {"due": NaN, "rate": -1}}}',
        b'{"buckets": {"crm": {"due": 1e300, "closed_until": 1e300, "seen": 1e299, "rate": 5}}}',
        b'{"buckets": {"crm": {"queue": [[1, true, 0, 0, 1e300]], "urgent_in_a_row": -7}}}',
    ],
)
def test_a_damaged_file_is_started_anew(budget: Budget, file: AccountFile, content: bytes) -> None:
    budget.take("crm", TEN)
    path_of(file).write_bytes(content)

    waited = seconds_for(budget, 5, TEN)

    assert waited <= LONGEST_PAUSE * 2
    fresh = Budget(AccountFile(file.path), clock=budget._clock, sleep=budget._sleep)
    assert fresh.take("crm", TEN) > 0


def refuse(number: int) -> object:
    def fail(*arguments: object, **options: object) -> int:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize(
    ("function", "number"), [("pwrite", errno.ENOSPC), ("open", errno.EROFS), ("open", errno.EACCES)]
)
def test_a_file_that_cannot_be_used_does_not_stop_a_run_and_is_mentioned_once(
    budget: Budget, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, function: str, number: int
) -> None:
    monkeypatch.setattr(f"reverse_etl.account.os.{function}", refuse(number))

    with caplog.at_level(logging.WARNING):
        waited = seconds_for(budget, 11, TEN)

    assert waited == pytest.approx(1)
    assert len(caplog.records) == 1
    assert os.strerror(number) in caplog.text
    assert "WEFT_STATE_DIR" in caplog.text


def test_a_folder_that_is_a_file_does_not_stop_a_run(tmp_path: Path, fake_time: FakeTime) -> None:
    (tmp_path / "state").write_text("not a folder")
    budget = Budget(AccountFile(tmp_path / "state" / "a.json"), clock=fake_time.clock, sleep=fake_time.sleep)

    assert seconds_for(budget, 11, TEN) == pytest.approx(1)


def test_a_process_that_was_stopped_with_the_lock_does_not_stop_the_others(
    budget: Budget, file: AccountFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reverse_etl.account.PATIENCE", 0.05)
    budget.take("crm", TEN)
    with path_of(file).open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert budget.take("crm", TEN) == 0  # a budget of its own, which is fresh


def test_threads_share_the_budget_of_their_process(file: AccountFile) -> None:
    budget = Budget(file)
    pace = limits(400, burst=4)

    def call() -> None:
        for _ in range(10):
            budget.take("crm", pace)

    threads = [threading.Thread(target=call) for _ in range(8)]
    started = uptime()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert uptime() - started >= (80 - pace.burst) / pace.calls_per_second
