"""Kills, broken connections and refusals: whatever happens, the next run ends in the same place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest

from reverse_etl.errors import AmbiguousCall, DestinationDown, DestinationRefused
from reverse_etl.ledger import Filters, read
from reverse_etl.report import Status
from reverse_etl.rows import Op, Outcome, Row
from reverse_etl.runs import latest
from tests.engine.account import Killed
from tests.engine.shop import Shop
from warehouse.profile import open_warehouse

NAMES = ("ada", "bea", "cid", "dot", "eve", "fay", "gus", "hal", "ivy", "joe")


def on_call(number: int, error: BaseException) -> tuple[list[int], object]:
    """Return a fault that raises at the n-th batch."""
    seen: list[int] = []

    def fault(op: Op, rows: Sequence[Row]) -> None:
        seen.append(len(rows))
        if len(seen) == number:
            raise error

    return seen, fault


@pytest.mark.parametrize("point", ["before", "after"])
@pytest.mark.parametrize("call", [1, 2, 3])
def test_killed_around_a_batch_the_next_run_converges(shop: Shop, point: str, call: int) -> None:
    shop.add(*NAMES)
    _, fault = on_call(call, Killed())
    setattr(shop.account, point, fault)
    with pytest.raises(Killed):
        shop.run()
    assert latest(shop.warehouse)[0]["status"] == Status.SENDING

    setattr(shop.account, point, None)
    # What was being sent leaves the feed meanwhile: it must not stay behind at the destination.
    gone = shop.account.calls[-1][1][0]
    shop.people = {person: row for person, row in shop.people.items() if row["email"] != gone}
    report = shop.run()
    assert shop.account.rows == shop.eligible()
    assert report.status == Status.DONE
    assert [run["status"] for run in latest(shop.warehouse, limit=2)] == [Status.DONE, Status.INTERRUPTED]
    assert shop.run().sent == 0


def test_killed_while_removing_a_row_that_comes_back(shop: Shop) -> None:
    shop.add("ada", "bea")
    shop.run()
    ada = shop.people.pop("ada")
    _, shop.account.after = on_call(1, Killed())  # type: ignore[assignment]
    with pytest.raises(Killed):
        shop.run()
    shop.account.after = None
    shop.people["ada"] = ada
    assert shop.run().planned == {"add": 1, "change": 0, "remove": 0, "merge": 0}
    assert shop.account.rows == shop.eligible()


def test_killed_between_the_destination_and_the_commit(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.add(*NAMES)
    with monkeypatch.context() as patch:

        def die(*arguments: object, **named: object) -> None:
            raise Killed

        patch.setattr("reverse_etl.send.record", die)
        with pytest.raises(Killed):
            shop.run()
    assert shop.run().planned["add"] == len(NAMES)
    assert shop.account.rows == shop.eligible()


def test_a_process_killed_outright(tmp_path: Path, shop: Shop) -> None:
    shop.add(*NAMES)
    shop.load()
    shop.warehouse.close()
    script = """
        import os, sys, time
        from pathlib import Path
        from tests.engine.shop import Shop
        from warehouse.profile import open_warehouse
        with open_warehouse(Path(sys.argv[1]), env={}) as warehouse:
            shop = Shop(warehouse)
            def hang(op, rows):
                if len(shop.account.calls) == 2:
                    print("sending", flush=True)
                    time.sleep(60)
            shop.account.after = hang
            shop.run(load=False)
    """
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process, process.stdout:
        assert process.stdout.readline() == "sending\n"
        os.kill(process.pid, signal.SIGKILL)
    with open_warehouse(tmp_path, env={}) as warehouse:
        again = Shop(warehouse, people=shop.people, granted=shop.granted)
        report = again.run()
        # Four rows were confirmed before; the others were one window, of which four rows were on their way.
        assert report.planned["add"] == 6
        assert [row["outcome"] for row in read(warehouse, "shop_contacts", Filters(outcome=Outcome.AMBIGUOUS))] == [
            "ambiguous"
        ] * 6
        assert set(again.account.rows) == {f"{name}@example.com" for name in NAMES[4:]}


def test_append_never_sends_twice_and_flags_what_may_have_arrived(shop: Shop) -> None:
    shop.add(*NAMES)
    _, shop.account.after = on_call(2, Killed())  # type: ignore[assignment]
    with pytest.raises(Killed):
        shop.run(mode="append", object="once")
    shop.account.after = None
    report = shop.run(mode="append", object="once")
    assert (report.sent, report.blocked) == (2, {"in_doubt": 4})
    keys = [key for _, key in shop.account.seen]
    assert len(keys) == len(set(keys)) == len(NAMES)
    shop.people["ada"]["orders"] = 99
    del shop.people["bea"]
    assert shop.run(mode="append", object="once").sent == 0


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (AmbiguousCall("The connection broke."), Outcome.AMBIGUOUS),
        (DestinationDown("No answer."), Outcome.TRANSIENT),
        (DestinationRefused("The key was withdrawn."), Outcome.TRANSIENT),
    ],
)
def test_a_destination_that_fails_midway_loses_nothing(shop: Shop, error: Exception, outcome: Outcome) -> None:
    shop.add(*NAMES)
    _, shop.account.after = on_call(2, error)  # type: ignore[assignment]
    with pytest.raises(type(error)):
        shop.run()
    [run] = latest(shop.warehouse)
    assert (run["status"], run["sent"], run["applied"], run["message"]) == ("failed", 8, 4, str(error))
    assert len(read(shop.warehouse, "shop_contacts", Filters(outcome=outcome))) == 4
    shop.account.after = None
    del shop.people["eve"]
    shop.run()
    assert shop.account.rows == shop.eligible()


def test_a_poisoned_batch_is_halved_until_the_bad_row_stands_alone(shop: Shop) -> None:
    shop.add(*NAMES)
    shop.account.poison = {"cid@example.com", "joe@example.com"}
    report = shop.run()
    assert (report.applied, report.refused, report.status) == (8, 2, Status.DONE)
    refused = read(shop.warehouse, "shop_contacts", Filters(outcome="permanent"))
    assert {(row["row_key"], row["code"]) for row in refused} == {
        ("cid@example.com", "422"),
        ("joe@example.com", "422"),
    }
    assert shop.run().sent == 0


def test_transient_rows_are_tried_again(shop: Shop) -> None:
    shop.add("ada", "bea")
    shop.account.flaky = {"bea@example.com"}
    assert shop.run().transient == 1
    shop.account.flaky = set()
    assert shop.run().applied == 1
    assert shop.account.rows == shop.eligible()
