"""The two sides: the same rows, to the same account, each as its own documentation says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks.peer.simulator import Account

VERSION = "1.2.1"
COLUMNS = ("email", "firstname", "lastname", "city")
_ROOT = Path(__file__).resolve().parents[2]
_FEED = """
create or replace table contacts as
select
    md5(number::varchar) as profile_id,
    'person' || number || '@example.com' as email,
    'Name ' || number % 5000 || case when number % 100 < {changed} then ' the second' else '' end as firstname,
    'Family ' || number % 70000 as lastname,
    'Town ' || number % 900 as city,
    timestamp '2026-07-01' + to_days((number % 100 < {changed})::int) as updated_at
from range({rows}) as numbers(number)
"""
# HubSpot's address is a constant of the peer's module; nothing else of it is touched.
_LAUNCH = """
import sys
import drt.destinations.hubspot as hubspot
hubspot._HUBSPOT_API = sys.argv.pop(1) + "/crm/v3/objects"
from drt.cli.main import app
app()
"""
_SYNC = """
name: contacts
model: ref('contacts')
destination:
  type: hubspot
  object_type: contacts
  id_property: email
  properties_template: |
    {
      "email": "{{ row.email }}",
      "firstname": "{{ row.firstname }}",
      "lastname": "{{ row.lastname }}",
      "city": "{{ row.city }}"
    }
  auth:
    type: bearer
    token_env: HUBSPOT_TOKEN
sync:
  mode: incremental
  cursor_field: updated_at
  batch_size: 100
  rate_limit:
    requests_per_second: 10
  on_error: skip
"""


class NotInstalled(Exception):
    """The peer cannot be installed here."""


@dataclass(frozen=True, slots=True)
class Took:
    """What a run took, as seen from outside of its process.

    Attributes:
        seconds: Wall time, the start of the interpreter included.
        peak_mib: Largest resident memory.
    """

    seconds: float
    peak_mib: float


class Side(ABC):
    """One side, with a warehouse file of its own."""

    label: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.warehouse = folder / "warehouse.duckdb"

    def load(self, rows: int, changed: int) -> None:
        """Write the feed, with so many percent of its rows changed."""
        with duckdb.connect(str(self.warehouse)) as connection:
            connection.execute(_FEED.format(rows=rows, changed=changed))

    def expected(self) -> dict[str, dict[str, str]]:
        """Return what the account has to hold."""
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            rows = connection.execute(f"select {', '.join(COLUMNS)} from contacts").fetchall()
        return {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in rows}

    @abstractmethod
    def run(self, account: Account) -> Took:
        """Sync once."""


class Weft(Side):
    """This project's engine, with its own destination module."""

    label = "weft"

    def run(self, account: Account) -> Took:
        """Sync once."""
        connections = self.folder / "connections.yml"
        setting = {"destination": "hubspot", "base_url": "${HUBSPOT_URL}", "access_token": "${HUBSPOT_TOKEN}"}
        connections.write_text(json.dumps({"connections": {"hubspot": setting}}), encoding="utf-8")
        environment = {**os.environ, **account.environment, "WEFT_STATE_DIR": str(self.folder / "state")}
        command = [sys.executable, "-m", "benchmarks.peer.weft_run", str(self.warehouse), str(connections)]
        return timed(command, environment, _ROOT)


class Drt(Side):
    """The peer, configured as its own template for HubSpot is, but with a cursor, which spares it the unchanged."""

    label = f"drt-core {VERSION}"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.python = folder / "venv" / "bin" / "python"
        uv = [sys.executable, "-m", "uv"]
        packages = [f"drt-core[duckdb]=={VERSION}", f"duckdb=={duckdb.__version__}"]
        for command in (
            [*uv, "venv", "--quiet", "--python", sys.executable, str(folder / "venv")],
            [*uv, "pip", "install", "--quiet", "--python", str(self.python), *packages],
        ):
            done = subprocess.run(command, capture_output=True, text=True, timeout=600)
            if done.returncode:
                raise NotInstalled(VERSION)
        home = folder / "home" / ".drt"
        home.mkdir(parents=True)
        profile = {"local": {"type": "duckdb", "database": str(self.warehouse)}}
        (home / "profiles.yml").write_text(json.dumps(profile), encoding="utf-8")
        (folder / "syncs").mkdir()
        (folder / "syncs" / "contacts.yml").write_text(_SYNC, encoding="utf-8")
        (folder / "drt_project.yml").write_text("name: peer\nprofile: local\n", encoding="utf-8")

    def run(self, account: Account) -> Took:
        """Sync once."""
        environment = {**os.environ, **account.environment, "HOME": str(self.folder / "home")}
        environment.pop("PYTHONPATH", None)
        return timed([str(self.python), "-c", _LAUNCH, account.url, "run"], environment, self.folder)


def timed(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Took:
    """Run a command.

    Raises:
        RuntimeError: It failed; the message has its output.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        begun = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
        # Waited for by hand: it is the one way to learn what this child alone has used.
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        if process.returncode:
            raise RuntimeError(f"{command[0]} exited with {process.returncode}:\n{output.read()[-2000:]}")
    return Took(seconds, used.ru_maxrss / 1024)
