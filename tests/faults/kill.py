"""Lives of a sync whose process is killed again and again, at random moments of plan, send, commit and settle.

Every process is real: forked from one that has imported everything, with a DuckDB file on disk, and a destination that
it reaches over HTTP and that survives it. Between the kills the feed changes. After each run that was let finish, the
destination has to be right and the ledger has to know of everything that ever arrived.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import duckdb

from tests.engine.shop import Shop
from tests.faults import child
from tests.faults.child import Job, Mark, Phase
from tests.faults.server import Server
from warehouse.duck import DuckWarehouse

PEOPLE = 120
PATIENCE = 60.0  #: seconds that a process may take
#: The longest that a phase is let go on before the kill, in seconds: about as long as it takes.
TAKES = {Phase.PLAN: 0.1, Phase.SEND: 0.01, Phase.COMMIT: 0.015, Phase.SETTLE: 0.01}
ANY_MOMENT = 0.4  #: seconds from the start of the process, for a kill that looks at no phase

_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.faults.child", "sqlglot", "pyarrow", "phonenumbers"])

#: What is killed: a name, and what the sync is.
LIVES: Mapping[str, Mapping[str, Any]] = {
    "upsert": {"mode": "upsert", "object": "contact"},
    "mirror": {"mode": "mirror", "object": "contact"},
    "mirror, asynchronous": {"mode": "mirror", "object": "list"},
    "append": {"mode": "append", "object": "contact"},
    "append, not idempotent": {"mode": "append", "object": "once"},
}


class Wrong(AssertionError):
    """The destination, or the ledger, is not what it must be."""


@dataclass
class Tally:
    """What happened in a life.

    Attributes:
        kills: Kills by the phase that the process was in.
        left: Kills by what the engine's tables said afterwards.
        runs: Runs that were let finish.
        repeated: Rows that arrived again because their run was killed before it could commit them.
        doubtful: Rows that are named as in doubt at the end.
        doubtful_arrived: Of those, rows that had arrived.
    """

    kills: Counter[Phase] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    repeated: int = 0
    doubtful: int = 0
    doubtful_arrived: int = 0


class Life:
    """One sync over many processes.

    Args:
        name: One of :data:`LIVES`.
        folder: An empty folder.
        server: The destination; this life uses it alone.
        seed: Decides what happens to the feed and when the kills come, as far as a scheduler can be told.
    """

    def __init__(self, name: str, folder: Path, server: Server, seed: int) -> None:
        self.name = name
        self.random = random.Random(f"{name}-{seed}")
        self.server, self.held = server, server.ledger
        self.folder = folder
        self.file = folder / "warehouse.duckdb"
        self.mode = str(LIVES[name]["mode"])
        spec = child.Remote.objects[LIVES[name]["object"]]
        self.idempotent, self.asynchronous = spec.idempotent, spec.asynchronous
        duckdb.connect(str(self.file)).close()
        with self._open() as warehouse:
            warehouse.execute("create schema if not exists weft_shop")
            self.shop = Shop(warehouse)
            sync = self.shop.sync(guards={"min_rows": 0}, **LIVES[name])
        self.job = Job(str(self.file), server.url, str(folder / "mark"), str(folder / "state"), sync)
        self.tally = Tally()
        self.epoch = 0
        self.run_of: dict[int, str] = {}
        self.sent: dict[str, list[Any]] = {}  # every payload that a key may rightly have had, the youngest last
        self.names = iter(f"p{number:05}" for number in range(1_000_000))
        for _ in range(PEOPLE):
            self.shop.add(next(self.names))

    def kill(self) -> bool:
        """Change the feed, start a run and kill it; tell whether the kill came before its end."""
        self._change()
        phases = [phase for phase in TAKES if phase is not Phase.SETTLE or self.asynchronous]
        target = self.random.choice([*phases, None])
        nth = 1 if target is Phase.PLAN else self.random.randint(1, 4)
        offset = self.random.random() * (TAKES[target] if target else ANY_MOMENT)
        mark, process = self._start()
        deadline = time.monotonic() + PATIENCE
        # Where the phase has not come for the n-th time when the process ends, there is nothing to kill.
        while target and mark.entered(target) < nth and process.is_alive() and time.monotonic() < deadline:
            time.sleep(0.0002)
        time.sleep(offset)
        process.kill()
        process.join()
        hit = bool(process.exitcode == -signal.SIGKILL)
        self.held.rest()
        left = self._left(mark)
        if hit:
            self.tally.kills[mark.phase] += 1
            self.tally.left[left] += 1
        process.close()
        return hit

    def finish(self) -> None:
        """Change the feed, let runs end until nothing is open, and hold everything against what it must be."""
        if self.random.random() < 0.7:
            self._change()
        for _ in range(6):
            mark, process = self._start()
            process.join(PATIENCE)
            code = process.exitcode
            if code is None:
                process.kill()
                process.join()
                raise Wrong(f"{self.name}: a run did not end within {PATIENCE:.0f} s")
            process.close()
            self.held.rest()
            self._left(mark)
            if code == 1:
                raise Wrong(f"{self.name}: a run failed:\n{(self.folder / 'errors').read_text(encoding='utf-8')}")
            if code == 0:
                break
        self.tally.runs += 1
        with self._open() as warehouse:
            self._judge(warehouse)

    def _start(self) -> tuple[Mark, Any]:
        self.epoch += 1
        self.held.epoch = self.epoch
        mark = Mark.create(self.folder / "mark")
        process = _FORKS.Process(target=child.main, args=(self.job, str(self.folder / "errors")))
        process.start()
        return mark, process

    def _change(self) -> None:
        """Let time pass in the shop: people come, go, change their names, withdraw their consent and give it again."""
        shop, chance = self.shop, self.random
        for _ in range(chance.randint(5, 40)):
            person = chance.choice(list(shop.people))
            if self.mode == "append":  # where a row is sent once, it takes new ones to have something to send
                shop.add(next(self.names))
            match chance.randint(0, 4):
                case 0:
                    shop.add(next(self.names))
                case 1:
                    shop.people[person]["first_name"] += "!"
                case 2 if len(shop.people) > PEOPLE // 2:
                    del shop.people[person]
                case 3:
                    shop.granted.discard(person)
                case _:
                    shop.granted.add(person)
        with self._open() as warehouse:
            shop.warehouse = warehouse
            shop.load()
        for key, payload in shop.eligible().items():
            self.sent.setdefault(key, []).append(payload)

    def _open(self) -> DuckWarehouse:
        return DuckWarehouse(str(self.file), "weft", {"TimeZone": "UTC"})

    def _left(self, mark: Mark) -> str:
        """Note which run the last process was, judge what it sent, and return what it left in the tables."""
        with self._open() as warehouse:
            if not warehouse.query("select 1 from duckdb_tables() where table_name = 'sync_runs'"):
                return "no run"
            runs = warehouse.query(
                "select run_id, status, sending_from, planned_add from weft_engine.sync_runs "
                "order by started_at desc, run_id desc limit 1"
            )
            if not runs or runs[0]["run_id"] in self.run_of.values():
                return "no run"
            [run] = runs
            self.run_of[self.epoch] = run["run_id"]
            confirmed = warehouse.query(
                "select distinct row_key from weft_engine.sync_ledger "
                f"where outcome = 'applied' and run_id <> '{run['run_id']}'"
            )
        sent = Counter(arrival.key for arrival in self.held.arrivals if arrival.epoch == self.epoch)
        if self.mode == "append":
            twice = sent.keys() & {row["row_key"] for row in confirmed}
            if twice:
                raise Wrong(f"{self.name}: {len(twice)} confirmed rows were sent again after {mark.phase.name}")
        within = [key for key, times in sent.items() if times > 1]
        if within:
            raise Wrong(f"{self.name}: {len(within)} rows were sent twice by one run")
        earlier = {arrival.key for arrival in self.held.arrivals if arrival.epoch < self.epoch}
        if self.mode == "append":
            self.tally.repeated += len(sent.keys() & earlier)
        if run["status"] != "sending":
            return str(run["status"])
        if run["planned_add"] is None:
            return "not planned"
        return "a window under way" if run["sending_from"] is not None else "between windows"

    def _judge(self, warehouse: DuckWarehouse) -> None:
        """Raise unless destination and ledger are right."""
        self._accounted(warehouse)
        wanted, holds = self.shop.eligible(), self.held.rows
        doubtful = {
            row["row_key"] for row in warehouse.query("select row_key from weft_engine.sync_state where in_doubt")
        }
        arrived = Counter(arrival.key for arrival in self.held.arrivals)
        if self.mode == "mirror" and holds != wanted:
            raise Wrong(f"{self.name}: {self._difference(wanted)}")
        if self.mode == "upsert" and any(holds.get(key) != payload for key, payload in wanted.items()):
            raise Wrong(f"{self.name}: {self._difference(wanted)}")
        if self.mode != "append" and doubtful & wanted.keys():
            raise Wrong(f"{self.name}: {len(doubtful & wanted.keys())} rows are still in doubt")
        if self.mode == "append":
            lost = [key for key in wanted if key not in arrived and key not in doubtful]
            if lost:
                raise Wrong(f"{self.name}: {len(lost)} rows never arrived and nobody says so")
        if not self.idempotent:
            twice = [key for key, times in arrived.items() if times > 1]
            if twice:
                raise Wrong(f"{self.name}: {len(twice)} rows arrived twice")
        never = [key for key, payload in holds.items() if payload not in self.sent.get(key, [])]
        if never:
            raise Wrong(f"{self.name}: {len(never)} rows were sent that no consented feed ever had")
        self.tally.doubtful = len(doubtful)
        self.tally.doubtful_arrived = len(doubtful & arrived.keys())

    def _difference(self, wanted: Mapping[str, Any]) -> str:
        holds = self.held.rows
        stale = sum(holds[key] != wanted[key] for key in wanted.keys() & holds.keys())
        return (
            f"{len(wanted.keys() - holds.keys())} missing, {len(holds.keys() - wanted.keys())} left over, {stale} old"
        )

    def _accounted(self, warehouse: DuckWarehouse) -> None:
        """Raise unless the ledger has a line, of the run that sent it, for every row that ever arrived."""
        rows = warehouse.query("select distinct run_id, row_key from weft_engine.sync_ledger")
        known = {(row["run_id"], row["row_key"]) for row in rows}
        missing = [
            arrival for arrival in self.held.arrivals if (self.run_of.get(arrival.epoch), arrival.key) not in known
        ]
        if missing:
            raise Wrong(f"{self.name}: {len(missing)} rows arrived that the ledger does not know of")
        unanswered = warehouse.query(
            "select plan.row_key from weft_engine.sync_plan as plan "
            "inner join weft_engine.sync_runs as runs on runs.run_id = plan.run_id and runs.status = 'done' "
            "left join weft_engine.sync_ledger as ledger "
            "on ledger.run_id = plan.run_id and ledger.row_key = plan.row_key and ledger.op = plan.op "
            "where plan.op <> 'none' and ledger.row_key is null"
        )
        if unanswered:
            raise Wrong(f"{self.name}: {len(unanswered)} planned rows have no line in the ledger")


def live(name: str, folder: Path, seed: int, kills: int, loses: int = 0) -> Tally:
    """Kill a sync so often, let a run finish after most of the kills, and return what happened.

    Args:
        name: One of :data:`LIVES`.
        folder: An empty folder.
        seed: Decides as much of it as can be decided.
        kills: How many kills.
        loses: Every so many rows the destination forgets one that it confirmed, to see that this shows.

    Raises:
        Wrong: Something was lost, sent twice, or not accounted for.
    """
    with Server() as server:
        server.ledger.loses = loses
        life = Life(name, folder, server, seed)
        tries = 0
        while life.tally.kills.total() < kills:
            tries += 1
            if tries > kills * 5:
                raise Wrong(f"{name}: the process keeps ending before it can be killed")
            if life.kill() and life.random.random() < 0.35:
                continue  # the next run is killed as well
            life.finish()
        life.finish()
        return life.tally
