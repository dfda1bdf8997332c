"""Several processes on one account: they keep one limit, let removals go first, and tell each other what they met."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reverse_etl.account import AccountFile, Numbers, account_file, uptime
from reverse_etl.breaker import Breaker
from reverse_etl.budget import Budget
from reverse_etl.destinations.base import Limits
from reverse_etl.errors import DestinationDown

from .conftest import Misbehaving, reply

ROOT = Path(__file__).resolve().parents[2]
PROLOGUE = """
import contextlib, json, sys, threading, time
from reverse_etl.account import AccountFile, uptime
from reverse_etl.breaker import Breaker
from reverse_etl.budget import Budget, urgent
from reverse_etl.destinations.base import Limits
from reverse_etl.errors import DestinationDown
from reverse_etl.http import HttpClient
from pathlib import Path

file, url = AccountFile(Path(sys.argv[1])), sys.argv[2]
read = []
def clock():
    read.append(uptime())
    return read[-1]
def client(**options):
    budget = Budget(file, clock=clock)
    limits = Limits(rows=1, bytes=1, calls_per_second=40, burst=5)
    return HttpClient(url, {}, limits, budget=budget, breaker=Breaker(file, "Vendor"), **options)
"""

Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def file(state_folder: Path) -> AccountFile:
    return account_file("vendor", "https://api.example.com", {})


@pytest.fixture
def start(file: AccountFile, server: Misbehaving) -> Iterator[Start]:
    """Run a script in a process of its own, with the account's file and a server."""
    server.play(reply(200))
    started: list[subprocess.Popen[str]] = []

    def run(script: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PROLOGUE + textwrap.dedent(script), str(file.path), server.url]
        started.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def result(process: subprocess.Popen[str]) -> Any:
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return json.loads(said)


def wait_for(file: AccountFile, what: Callable[[Numbers], bool]) -> None:
    deadline = time.monotonic() + 60
    while not file.change(what):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_four_processes_never_exceed_the_limit_of_one(start: Start, server: Misbehaving) -> None:
    script = """
        http, turns = client(), []
        for _ in range(25):
            http.request("POST", "/things", json={}, idempotent=True, bucket="crm")
            turns.append(read[-1])
        print(json.dumps([turns, http.calls]))
    """
    begun = uptime()
    outcomes = [result(process) for process in [start(script) for _ in range(4)]]
    took = uptime() - begun

    turns = sorted(turn for mine, _ in outcomes for turn in mine)
    assert len(server.requests) == sum(calls for _, calls in outcomes) == len(turns) == 100
    assert max(sum(first <= turn < first + 1 for turn in turns) for first in turns) <= 40 + 5 - 1 + 1
    assert took >= (100 - 5) / 40


def test_a_removal_of_one_process_goes_before_the_waiting_calls_of_another(start: Start, file: AccountFile) -> None:
    slow = Limits(rows=1, bytes=1, calls_per_second=2, burst=1)
    Budget(file).close("crm", 100)
    ordinary = start(
        """
        budget, slow, turns = Budget(file), Limits(rows=1, bytes=1, calls_per_second=2, burst=1), []
        def call():
            budget.take("crm", slow)
            turns.append(uptime())
        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(json.dumps(turns))
        """
    )
    wait_for(file, lambda numbers: len(numbers.buckets["crm"].queue) == 4)
    removal = start(
        """
        with urgent():
            Budget(file).take("crm", Limits(rows=1, bytes=1, calls_per_second=2, burst=1))
        print(json.dumps(uptime()))
        """
    )
    wait_for(file, lambda numbers: any(waiter.urgent for waiter in numbers.buckets["crm"].queue))

    def reopen(numbers: Numbers) -> None:
        numbers.buckets["crm"].closed_until = 0.0

    file.change(reopen)
    assert result(removal) < min(result(ordinary))
    assert Budget(file).rate("crm", slow) == 2


def test_what_one_process_is_told_the_others_know(start: Start, file: AccountFile, server: Misbehaving) -> None:
    server.play(reply(429, b"", {"Retry-After": "50"}))
    script = """
        def stop(seconds):
            raise SystemExit
        client(sleep=stop).request("POST", "/things", json={}, idempotent=True, bucket="crm")
    """
    start(script).wait(60)

    naps: list[float] = []
    now = uptime()
    budget = Budget(file, clock=lambda: now + sum(naps), sleep=naps.append)
    budget.take("crm", Limits(rows=1, bytes=1, calls_per_second=40))

    assert 0 < sum(naps) <= 50
    assert len(server.requests) == 1


def test_a_vendor_that_one_process_found_down_is_left_alone_by_the_others(
    start: Start, file: AccountFile, server: Misbehaving
) -> None:
    server.play(reply(503))
    script = """
        with contextlib.suppress(DestinationDown):
            client(attempts=1).request("GET", "/things", idempotent=True)
        print(json.dumps("failed"))
    """
    assert result(start(script)) == "failed"

    with pytest.raises(DestinationDown, match="Vendor did not answer"):
        Breaker(file, "Vendor").enter()
    assert len(server.requests) == 1


def test_a_process_killed_while_it_waits_leaves_a_budget_that_works(start: Start, file: AccountFile) -> None:
    pace = Limits(rows=1, bytes=1, calls_per_second=50, burst=1)
    Budget(file).close("crm", 100)
    process = start(
        """
        with urgent():
            Budget(file).take("crm", Limits(rows=1, bytes=1, calls_per_second=50, burst=1))
        """
    )
    wait_for(file, lambda numbers: len(numbers.buckets["crm"].queue) == 1)
    process.kill()
    process.wait(60)

    def reopen(numbers: Numbers) -> None:
        numbers.buckets["crm"].closed_until = 0.0

    file.change(reopen)
    naps: list[float] = []
    now = uptime()
    Budget(file, clock=lambda: now + sum(naps), sleep=naps.append).take("crm", pace)
    assert sum(naps) < 10
