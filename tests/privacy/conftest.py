"""A project full of known people, with accounts at three vendors whose errors repeat all that they were sent."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sandbox.api import Api, Reply
from sandbox.server import Running, start
from tests.conftest import ROOT
from tests.privacy.search import COUNT, EMAILS, KEYS, NAMES, PHONES, SECRETS
from weft.__main__ import main

MINI = ROOT / "tests" / "data" / "mini"
PROFILES = """
select md5(cast(id as varchar)) as profile_id, email, phone, first_name, external_id, created_at
from {{ source('raw_shop', 'customer') }}
"""
CONSENTS = """
select profile_id, purpose, 'granted' as status, created_at as decided_at
from {{ ref('profiles') }}
cross join (select unnest(['email_marketing', 'sales_outreach', 'advertising']) as purpose)
"""
FEEDS = {
    "sync_klaviyo__winback": "profile_id, email, phone as phone_number, first_name",
    "sync_hubspot__contacts": "profile_id, email, phone, first_name as firstname, external_id as weft_tier",
    "sync_meta__audience": "profile_id, external_id, email, phone, first_name",
}
EXPOSURE = """
exposures:
  - name: {name}
    label: {name}
    type: application
    owner: {{name: Somebody, email: somebody@example.com}}
    depends_on: [ref('{feed}')]
    config:
      meta:
        sync: {{connection: {connection}, object: {object}, mode: mirror, key: {key}, purpose: {purpose}{target},
               settle_seconds: 1, guards: {{max_removed: null}}}}
"""
CONNECTIONS = """
connections:
  klaviyo: {destination: klaviyo, base_url: "${KLAVIYO_URL}", api_key: "${KLAVIYO_API_KEY}"}
  hubspot: {destination: hubspot, base_url: "${HUBSPOT_URL}", access_token: "${HUBSPOT_TOKEN}"}
  meta: {destination: meta, base_url: "${META_URL}", access_token: "${META_ACCESS_TOKEN}"}
"""


def _write_project(root: Path) -> None:
    shutil.copytree(MINI, root)
    models = root / "models"
    (models / "profiles.sql").write_text(PROFILES)
    (models / "profile_consents.sql").write_text(CONSENTS)
    (models / "identity_map.sql").write_text(
        "select 'email' as identifier_type, email as identifier_value, profile_id, created_at as first_seen_at, "
        "created_at as last_seen_at from {{ ref('profiles') }}"
    )
    mini = models / "mini.yml"
    lines = mini.read_text().replace("          - {name: first_name, data_type: varchar}\n", "").split("exposures:")[0]
    added = "".join(
        f"          - {{name: {name}, data_type: varchar}}\n" for name in ("phone", "first_name", "external_id")
    )
    mini.write_text(lines.replace("          - {name: created_at", added + "          - {name: created_at"))
    for feed, columns in FEEDS.items():
        (models / f"{feed}.sql").write_text(f"select {columns} from {{{{ ref('profiles') }}}}")
    syncs = (
        ("klaviyo", "sync_klaviyo__winback", "list", "email", "email_marketing", ", target: WINBACK"),
        ("hubspot", "sync_hubspot__contacts", "contact", "email", "sales_outreach", ""),
        ("meta", "sync_meta__audience", "custom_audience", "external_id", "advertising", ", target: '120000000000001'"),
    )
    for connection, feed, kind, key, purpose, target in syncs:
        text = EXPOSURE.format(
            name=f"to_{connection}", feed=feed, connection=connection, object=kind, key=key, purpose=purpose,
            target=target,
        )  # fmt: skip
        (models / f"{feed}.yml").write_text(text)
    (root / "connections.yml").write_text(CONNECTIONS)
    folder = root / ".weft" / "raw" / "shop" / "customer"
    folder.mkdir(parents=True)
    customers = {
        "id": list(range(COUNT)),
        "email": EMAILS,
        "phone": PHONES,
        "first_name": NAMES,
        "external_id": KEYS,
        "created_at": [datetime(2026, 1, 1)] * COUNT,
    }
    pq.write_table(pa.table(customers), folder / "day_0001.parquet")


def _echo(api: Api) -> None:
    """Make a vendor repeat everybody's data in every error, as vendors do."""
    plain = api.refuse

    def refuse(status: int, code: str, message: str, **details: Any) -> Reply:
        return plain(status, code, f"{message} {EMAILS} {PHONES} {NAMES} {KEYS} {api.key}", **details)

    vars(api)["refuse"] = refuse


@dataclass
class Project:
    """The project, and everything that anybody could read of what happened in it.

    Attributes:
        root: Its folder.
        sandbox: Its accounts.
        heard: What was printed or logged, by what was done.
        env: The environment of its processes.
    """

    root: Path
    sandbox: Running
    heard: dict[str, str]
    env: dict[str, str]

    @property
    def data(self) -> list[Path]:
        """The places where people's data belongs."""
        return [self.root / ".weft" / "raw", *(self.root / ".weft").glob("warehouse.duckdb*")]

    def process(self, *module: str) -> int:
        """Run a module in a process of its own with every logger at DEBUG, and return its exit code."""
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "tests.privacy.loud", *module],
            cwd=self.root, env=self.env, capture_output=True, text=True, timeout=280,
        )  # fmt: skip
        self.heard[" ".join(module)] = done.stdout + done.stderr
        return done.returncode

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask the warehouse, or change it."""
        with duckdb.connect(str(self.root / ".weft" / "warehouse.duckdb")) as connection:
            return connection.execute(statement).fetchall()

    def change(self) -> None:
        """Change every row of every feed, so that the next run has something to send."""
        for feed, column in zip(FEEDS, ("first_name", "firstname", "first_name"), strict=True):
            self.sql(f"update weft.{feed} set {column} = {column} || 'a'")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The project, refreshed once by Dagster, which builds it with dbt and delivers it."""
    home = tmp_path_factory.mktemp("private")
    _write_project(home / "project")
    with start() as sandbox, pytest.MonkeyPatch.context() as patch:
        for name, secret in SECRETS.items():
            api = sandbox.sandbox.apis[name]
            vars(api)["key"] = secret
            _echo(api)
        for name in ("WEFT_MANIFEST", "WEFT_DUCKDB_PATH", "WEFT_TARGET", "WEFT_RAW", "WEFT_CONNECTIONS", "WEFT_PACKS"):
            patch.delenv(name, raising=False)
        settings = {
            **sandbox.environment(),
            "WEFT_AS_OF": "2026-07-01T00:00:00Z",
            "WEFT_STATE_DIR": str(home / "project" / "state"),
            "DAGSTER_HOME": str(home / "project" / ".weft" / "dagster"),
            "DO_NOT_TRACK": "1",
        }
        for name, value in settings.items():
            patch.setenv(name, value)
        patch.chdir(home / "project")
        project = Project(home / "project", sandbox, {}, {**os.environ, "PYTHONPATH": str(ROOT)})
        assert project.process("assets.run") == 0, project.heard
        yield project


@dataclass
class Here:
    """The command line in this process, heard in full."""

    project: Project
    captured: pytest.CaptureFixture[str]
    log: pytest.LogCaptureFixture
    patch: pytest.MonkeyPatch

    def weft(self, *arguments: str, name: str = "") -> int:
        """Run ``weft`` and keep what it printed, what was logged, and the traceback if it ended in one."""
        self.patch.setattr(sys, "argv", ["weft", *arguments])
        self.captured.readouterr()
        self.log.clear()
        trace, code = "", 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        except Exception:
            trace, code = traceback.format_exc(), 1
        out, err = self.captured.readouterr()
        heard = f"{out}\n{err}\n{self.log.text}\n{trace}"
        key = f"{' '.join(arguments)} {name}"
        self.project.heard[key] = self.project.heard.get(key, "") + heard
        return code


@pytest.fixture
def here(
    project: Project,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Here:
    """The command line in this process, with every logger at DEBUG."""
    caplog.set_level("DEBUG")
    return Here(project, capfd, caplog, monkeypatch)
