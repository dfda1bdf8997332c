"""The main job as a user runs it, from raw files to the sandbox: killed, run, run again, and a second day."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from demo.cast import cast
from demo.run import SEED
from demo.world import World

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = 1_000  # enough that the second day's removals stay below the guards
SYNCS = ("hubspot_high_value", "klaviyo_winback", "meta_lapsing")


class Demo:
    """The demo in a home of its own."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.warehouse = home / "warehouse.duckdb"
        self.sandbox_state = home / "sandbox.sqlite"
        self.raw = home / "raw"
        self.log = home / "demo.log"
        self._environment = {
            **os.environ,
            "WEFT_RAW": str(self.raw),
            "WEFT_DUCKDB_PATH": str(self.warehouse),
            "WEFT_MANIFEST": str(home / "target" / "manifest.json"),
            "WEFT_SANDBOX_STATE": str(self.sandbox_state),
            "WEFT_SANDBOX_PORT": str(self.port),
            "WEFT_ENV_FILE": str(home / ".env"),
            "DAGSTER_HOME": str(home / "dagster"),
            "COLUMNS": "160",
        }

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "demo", "run", *arguments],
                cwd=ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def run(self, *arguments: str) -> None:
        before = self.log.stat().st_size if self.log.exists() else 0
        code = self.start(*arguments).wait(timeout=500)
        assert code == 0, self.log.read_bytes()[before:].decode()

    def planned(self) -> dict[str, tuple[int, int, int]]:
        """Per sync, what its last run planned to add, change and remove."""
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            rows = connection.execute(
                """
                select sync_name, planned_add, planned_change, planned_remove from weft_engine.sync_runs
                qualify started_at = max(started_at) over (partition by sync_name)
                """
            ).fetchall()
        return {name: (add, change, remove) for name, add, change, remove in rows}

    def removed(self, numbers: list[int]) -> set[tuple[str, int]]:
        """Which of these people's accounts were removed from which audience, on the destination's word."""
        accounts = {str(6_000_000_000 + number * 7): number for number in numbers}
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            rows = connection.execute(
                """
                select distinct ledger.sync_name, map.identifier_value
                from weft_engine.sync_ledger as ledger
                inner join weft_engine.sync_plan as plan using (run_id, sync_name, row_key)
                inner join weft_identity.identity_map as map on map.profile_id = plan.profile_id
                where map.identifier_type = 'user_id' and ledger.op = 'remove' and ledger.outcome = 'applied'
                """
            ).fetchall()
        return {(sync, accounts[account]) for sync, account in rows if account in accounts}

    def sandbox_listens(self) -> bool:
        """Whether something still listens on the sandbox's port."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def members(self) -> int:
        """How many members all simulated lists and audiences have."""
        with sqlite3.connect(self.sandbox_state) as connection:
            return int(connection.execute("select count(*) from members").fetchone()[0])


@pytest.mark.timeout(1500)
def test_the_demo_survives_a_kill_sends_nothing_twice_and_removes_whom_the_second_day_concerns(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    killed = demo.start("--people", str(PEOPLE))
    deadline = time.monotonic() + 120
    while not demo.warehouse.exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(5)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()

    demo.run()
    assert not demo.sandbox_listens(), "the killed demo's sandbox must not stay behind"
    first = demo.planned()
    assert first.keys() == set(SYNCS)
    assert all(add > 0 and change == remove == 0 for add, change, remove in first.values())
    delivered = demo.members()

    demo.run()
    assert demo.planned() == dict.fromkeys(SYNCS, (0, 0, 0))
    assert demo.members() == delivered

    demo.run("--day", "2")
    certain = cast(World(SEED, PEOPLE), 2)
    wanted = {("klaviyo_winback", number) for number in certain.withdraw_email.tolist()}
    wanted |= {("meta_lapsing", number) for number in certain.withdraw_ads.tolist()}
    everybody = [number for part in (certain.withdraw_email, certain.withdraw_ads) for number in part.tolist()]
    assert wanted <= demo.removed(everybody)
    touched = {name: add + change + remove for name, (add, change, remove) in demo.planned().items()}
    assert all(touched[name] < first[name][0] // 2 for name in SYNCS), "only the people concerned"
