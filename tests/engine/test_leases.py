"""Two runs of one sync never overlap, and a dead owner's lease is free."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reverse_etl import leases, runs, tables
from reverse_etl.clock import Clock
from reverse_etl.commit import recover
from reverse_etl.errors import LeaseHeld, LeaseLost
from reverse_etl.leases import BEAT_SECONDS, LEASE_SECONDS, Lease
from reverse_etl.place import Place
from reverse_etl.rows import Op, Row
from tests.engine.shop import AS_OF, Shop, StoppedClock
from warehouse.base import Warehouse
from warehouse.profile import open_warehouse

ELSEWHERE = Place("elsewhere", "0123456789abcdef", 4711, "1")


@contextmanager
def held(shop: Shop, place: Place | None = None, run: str = "run", **changes: Any) -> Iterator[Lease]:
    tables.ensure(shop.warehouse)
    with leases.hold(shop.warehouse, shop.sync(**changes), run, shop.clock, place) as lease:
        yield lease


def left_behind(shop: Shop, place: Place, run: str = "killed", **changes: Any) -> Lease:
    """Take a lease as a process does that then dies."""
    tables.ensure(shop.warehouse)
    lease = Lease(shop.warehouse, shop.sync(**changes), run, shop.clock, place)
    lease.take()
    return lease


def fenced(lease: Lease) -> None:
    """Commit something under a lease."""
    with lease.warehouse.transaction():
        tables.run(lease.warehouse, "insert into sync_ledger (run_id, row_key) values ('killed', 'k')")
        lease.fence()


def ended_process() -> Place:
    """Return the place of a process of this machine that has ended."""
    code = "from reverse_etl.place import Place; print(*[getattr(Place.here(), n) for n in Place.__slots__])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    host, machine, pid, started = done.stdout.split()
    return Place(host, machine, int(pid), started)


def test_a_second_run_is_refused_and_told_who_holds_the_lease(any_shop: Shop) -> None:
    with held(any_shop, run="first"), pytest.raises(LeaseHeld) as refused, held(any_shop, run="second"):
        pass
    assert refused.value.exit_code == 4
    assert f"run first, process {os.getpid()} on {Place.here().host}, since 2026-07-01 00:00:0" in refused.value.what
    assert f"kill {os.getpid()}" in refused.value.fix
    assert "sync_leases" in refused.value.where


def test_a_lease_that_was_given_back_is_free(any_shop: Shop) -> None:
    for run in ("first", "second", "third"):
        with held(any_shop, run=run) as lease:
            lease.fence()
    [row] = any_shop.engine("sync_leases")
    assert (row["owner"], row["run_id"], row["connection"]) == (None, "third", "memory")


def test_a_run_that_fails_gives_its_lease_back(any_shop: Shop) -> None:
    with pytest.raises(ZeroDivisionError), held(any_shop):
        raise ZeroDivisionError
    with held(any_shop):
        pass


def test_other_syncs_run_beside_it(any_shop: Shop) -> None:
    with held(any_shop), held(any_shop, name="other"):
        assert len(any_shop.engine("sync_leases")) == 2


def test_the_lease_of_a_process_that_ended_on_this_machine_is_free_at_once(any_shop: Shop) -> None:
    lost = left_behind(any_shop, ended_process())
    with held(any_shop) as lease:
        lease.fence()
        with pytest.raises(LeaseLost, match="took over from this one: run run, process"):
            lost.fence()


def test_a_process_id_that_is_in_use_again_is_not_the_owner() -> None:
    here = Place.here()
    former = replace(here, started="1")
    assert here.has_ended(former.owner(), former.pid)
    assert not here.has_ended(here.owner(), here.pid)
    assert not here.has_ended(ELSEWHERE.owner(), ELSEWHERE.pid), "what runs on another machine cannot be seen"
    assert not here.has_ended(replace(here, pid=1, started="").owner(), 1), "somebody else's process lives"


def test_a_process_that_was_killed_and_not_yet_collected_has_ended() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        place = replace(Place.here(), pid=process.pid, started=_started(process.pid))
        assert not Place.here().has_ended(place.owner(), place.pid)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now
        assert Place.here().has_ended(place.owner(), place.pid)
    finally:
        process.kill()
        process.wait()


def _started(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def test_the_lease_of_another_machine_is_free_when_it_was_not_renewed_for_long_enough(any_shop: Shop) -> None:
    lost = left_behind(any_shop, ELSEWHERE)
    any_shop.clock.sleep(LEASE_SECONDS - 10)
    with pytest.raises(LeaseHeld, match="process 4711 on elsewhere") as refused, held(any_shop):
        pass
    assert "kill 4711` on elsewhere" in refused.value.fix
    assert "free at 2026-07-01 00:05:02 UTC" in refused.value.fix

    lost.beat()
    any_shop.clock.sleep(LEASE_SECONDS - 10)
    with pytest.raises(LeaseHeld), held(any_shop):
        pass

    any_shop.clock.sleep(20)
    with held(any_shop):
        any_shop.clock.sleep(BEAT_SECONDS)
        with pytest.raises(LeaseLost):
            lost.beat()


def test_a_run_that_was_late_and_not_replaced_keeps_its_lease(any_shop: Shop) -> None:
    with held(any_shop, ELSEWHERE) as lease:
        any_shop.clock.sleep(LEASE_SECONDS * 10)
        lease.fence()
        with pytest.raises(LeaseHeld), held(any_shop):
            pass


def test_it_renews_only_when_that_is_due(shop: Shop) -> None:
    with held(shop) as lease:
        renewed = []
        for _ in range(6):
            shop.clock.sleep(BEAT_SECONDS / 2)
            renewed.append(lease.beat())
        assert renewed == [False, True, False, True, False, True]


def test_it_renews_after_the_machine_slept(shop: Shop) -> None:
    class Drowsy(StoppedClock):
        def elapsed(self) -> float:
            """Stand still, as the steady clock does while the machine sleeps."""
            return 0.0

    shop.clock = Drowsy()
    with held(shop) as lease:
        assert not lease.beat()
        shop.clock.sleep(BEAT_SECONDS)
        assert lease.beat()


def test_a_long_statement_may_take_longer_than_a_lease(any_shop: Shop) -> None:
    with held(any_shop, ELSEWHERE) as lease:
        with lease.long_statement():
            any_shop.clock.sleep(LEASE_SECONDS * 5)
            with pytest.raises(LeaseHeld), held(any_shop):
                pass
        any_shop.clock.sleep(LEASE_SECONDS + 10)
        with held(any_shop), pytest.raises(LeaseLost):
            lease.fence()


def test_a_lost_lease_undoes_the_transaction_that_it_fences(any_shop: Shop) -> None:
    lost = left_behind(any_shop, ELSEWHERE)
    any_shop.clock.sleep(LEASE_SECONDS + 1)
    with held(any_shop):
        with pytest.raises(LeaseLost):
            fenced(lost)
        assert any_shop.engine("sync_ledger") == []
    lost.release()
    with held(any_shop, run="later"):
        assert any_shop.engine("sync_leases")[0]["run_id"] == "later"


def test_machines_at_work_on_a_connection_are_counted_once_each(any_shop: Shop) -> None:
    left_behind(any_shop, ELSEWHERE, name="one")
    left_behind(any_shop, replace(ELSEWHERE, pid=4712), name="two")
    left_behind(any_shop, replace(ELSEWHERE, machine="feedfeedfeedfeed"), name="three")
    left_behind(any_shop, replace(ELSEWHERE, machine="beefbeefbeefbeef"), name="four", connection="another")
    left_behind(any_shop, ended_process(), name="five")
    with held(any_shop) as lease:
        assert lease.machines() == 3
        any_shop.clock.sleep(LEASE_SECONDS + 1)
        assert lease.machines() == 1


@pytest.mark.parametrize("mine_is_older", [True, False])
def test_two_rows_of_one_sync_are_healed_and_the_older_owner_keeps_it(any_shop: Shop, mine_is_older: bool) -> None:
    tables.ensure(any_shop.warehouse)
    rival = Lease(any_shop.warehouse, any_shop.sync(name="rival"), "rival", any_shop.clock, ELSEWHERE)
    mine = Lease(any_shop.warehouse, any_shop.sync(), "mine", any_shop.clock, Place.here())
    for lease in (mine, rival) if mine_is_older else (rival, mine):
        lease.take()
    tables.run(any_shop.warehouse, "update sync_leases set sync_name = 'shop_contacts'")  # as if both had inserted
    rival.sync = any_shop.sync()

    older, younger = (mine, rival) if mine_is_older else (rival, mine)
    older.fence()
    with pytest.raises(LeaseLost):
        younger.fence()
    with pytest.raises(LeaseHeld), held(any_shop, run="third"):
        pass
    older.release()
    any_shop.clock.sleep(LEASE_SECONDS + 1)
    with held(any_shop):
        assert len(any_shop.engine("sync_leases")) == 1


def race(folder: Path, takers: int) -> list[str]:
    """Let threads, each with a connection of its own, take a lease at once; return what became of each."""
    start, done = threading.Barrier(takers), threading.Barrier(takers)
    ended: list[str] = []

    def take(number: int, warehouse: Warehouse) -> None:
        shop = Shop(warehouse)
        try:
            start.wait(60)
            with leases.hold(warehouse, shop.sync(), f"run-{number}", Clock()) as lease:
                done.wait(60)
                lease.fence()
                ended.append("held")
        except LeaseHeld:
            done.wait(60)
            ended.append("refused")
        except Exception as error:
            done.abort()
            ended.append(repr(error))

    opened = [open_warehouse(folder, env={}) for _ in range(takers)]
    threads = [threading.Thread(target=take, args=arguments) for arguments in enumerate(opened)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for warehouse in opened:
        warehouse.close()
    return sorted(ended)


def test_of_many_who_take_it_at_once_one_gets_it(any_shop: Shop, tmp_path: Path) -> None:
    tables.ensure(any_shop.warehouse)
    assert race(tmp_path, 4) == ["held", "refused", "refused", "refused"]
    assert race(tmp_path, 4) == ["held", "refused", "refused", "refused"], "now that the row is there"
    assert len(any_shop.engine("sync_leases")) == 1


SCRIPT = """
    import sys
    from pathlib import Path
    from reverse_etl import leases
    from reverse_etl.clock import Clock
    from reverse_etl.errors import LeaseHeld
    from tests.engine.shop import Shop
    from warehouse.profile import open_warehouse
    with open_warehouse(Path(sys.argv[1]), env={}) as warehouse:
        try:
            with leases.hold(warehouse, Shop(warehouse).sync(), "theirs", Clock()) as lease:
                print("held", flush=True)
                sys.stdin.readline()
        except LeaseHeld as refused:
            print(refused.what, flush=True)
"""


@contextmanager
def other_process(folder: Path, script: str = SCRIPT) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("any_shop", ["snowflake"], indirect=True)
def test_two_processes_on_one_warehouse_exclude_each_other_until_one_is_killed(any_shop: Shop, tmp_path: Path) -> None:
    any_shop.clock = StoppedClock()
    now = Clock()
    tables.ensure(any_shop.warehouse)
    with leases.hold(any_shop.warehouse, any_shop.sync(), "mine", now), other_process(tmp_path) as refused:
        assert "run mine, process" in said(refused)

    with other_process(tmp_path) as holder:
        assert said(holder) == "held\n"
        with pytest.raises(LeaseHeld, match=f"run theirs, process {holder.pid} on"):
            Lease(any_shop.warehouse, any_shop.sync(), "mine", now, Place.here()).take()
        holder.kill()
        holder.wait()
        with leases.hold(any_shop.warehouse, any_shop.sync(), "mine", now) as lease:
            lease.fence()


def test_a_run_that_finds_its_sync_at_work_sends_nothing(any_shop: Shop) -> None:
    any_shop.add("ada")
    with held(any_shop, ELSEWHERE, run="theirs"), pytest.raises(LeaseHeld, match="run theirs, process 4711"):
        any_shop.run()
    assert any_shop.account.calls == []
    assert any_shop.engine("sync_runs") == []
    assert any_shop.run().applied == 1


def test_a_run_whose_lease_is_taken_over_commits_nothing_more_and_its_successor_ends_in_the_same_place(
    any_shop: Shop,
) -> None:
    any_shop.add("ada", "bea", "cid", "dot", "eve", "fay")
    stolen = f"update {any_shop.warehouse.engine_schema}.sync_leases set owner = '{ELSEWHERE.owner()}', host = 'there'"

    def take_over(op: Op, rows: Sequence[Row]) -> None:
        if len(any_shop.account.calls) == 1:
            any_shop.warehouse.execute(stolen)

    any_shop.account.after = take_over
    with pytest.raises(LeaseLost, match="on there"):
        any_shop.run(batch_rows=2)
    any_shop.account.after = None
    assert any_shop.engine("sync_ledger") == []
    assert any_shop.engine("sync_state") == []

    any_shop.clock.sleep(LEASE_SECONDS + 1)
    del any_shop.people["ada"]
    any_shop.run()
    assert any_shop.account.rows == any_shop.eligible()
    assert any_shop.run().sent == 0


@pytest.mark.parametrize("changes", [{"object": "once", "mode": "append"}, {}], ids=["append", "upsert"])
def test_a_run_that_stalled_and_lost_its_lease_sends_no_rows_that_nobody_knows_of(
    any_shop: Shop, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    any_shop.add("ada", "bea", "cid", "dot")
    other = Lease(any_shop.warehouse, any_shop.sync(**changes), "theirs", any_shop.clock, ELSEWHERE)
    sending = runs.sending

    def stall(warehouse: Warehouse, run_id: str, first: int, *rest: Any) -> None:
        if first == 3:
            any_shop.clock.sleep(LEASE_SECONDS + 1)
            other.take()
            assert recover(warehouse, "shop_contacts", any_shop.clock.now(), other.fence) == 0, "nothing was under way"
        sending(warehouse, run_id, first, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(runs, "sending", stall)
        with pytest.raises(LeaseLost, match="run theirs, process 4711"):
            any_shop.run(batch_rows=2, **changes)
    assert len(any_shop.account.calls) == 1
    assert [row["sending_from"] for row in any_shop.engine("sync_runs")] == [None]

    other.release()
    del any_shop.people["dot"]
    report = any_shop.run(batch_rows=2, **changes)
    assert (report.sent, report.blocked.get("in_doubt", 0)) == (1, 0)
    assert any_shop.account.rows == any_shop.eligible()


RUN = """
    import sys, time
    from pathlib import Path
    from tests.engine.shop import Shop
    from warehouse.profile import open_warehouse
    with open_warehouse(Path(sys.argv[1]), env={}) as warehouse:
        shop = Shop(warehouse)
        def hang(op, rows):
            print("sending", flush=True)
            time.sleep(60)
        shop.account.after = hang
        shop.run(load=False)
"""


@pytest.mark.parametrize("any_shop", ["snowflake"], indirect=True)
def test_a_second_run_waits_its_turn_and_takes_over_once_the_first_is_killed(any_shop: Shop, tmp_path: Path) -> None:
    any_shop.add("ada", "bea")
    any_shop.load()
    with other_process(tmp_path, RUN) as first:
        assert said(first) == "sending\n"
        with pytest.raises(LeaseHeld, match=f"process {first.pid} on"):
            any_shop.run(load=False)
        assert any_shop.account.calls == []
        first.kill()
        first.wait()

    report = any_shop.run(load=False)

    assert (report.applied, any_shop.account.rows) == (2, any_shop.eligible())
    assert sorted(row["status"] for row in any_shop.engine("sync_runs")) == ["done", "interrupted"]


def test_nothing_of_a_lease_is_dated_by_the_warehouse(shop: Shop) -> None:
    with held(shop):
        [row] = shop.engine("sync_leases")
    assert AS_OF < row["acquired_at"] == row["renewed_at"] < AS_OF + timedelta(minutes=1)
