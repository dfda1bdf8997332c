"""What a user wrote wrongly or did not set: exit code 2, one message with the place and the mend, nothing changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from sandbox.server import Running
from tests.cli.conftest import Project, write_customers

ROOT = Path(__file__).resolve().parent.parent.parent


def no_secret(project: Project) -> None:
    project.patch.delenv("KLAVIYO_API_KEY")


def no_file(project: Project) -> None:
    (project.root / ".weft" / "warehouse.duckdb").rename(project.root / "elsewhere.duckdb")


def no_database(project: Project) -> None:
    (project.root / ".weft" / "warehouse.duckdb").write_bytes(b"not a database" * 1_000)


def odd_moment(project: Project) -> None:
    project.patch.setenv("WEFT_AS_OF", "yesterday")


BAD: dict[str, tuple[Callable[[Project], object], tuple[str, ...], tuple[str, ...]]] = {
    "an object that the destination lacks": (
        lambda project: project.edit("models/mini.yml", "object: list", "object: lists"),
        ("plan",),
        ("models/mini.yml", "klaviyo_winback", "object", "list"),
    ),
    "a field that does not exist": (
        lambda project: project.edit("models/mini.yml", "mode: mirror", "mode: mirror\n          interval: 5"),
        ("plan",),
        ("models/mini.yml", "klaviyo_winback", "config.meta.sync.interval", "settle_seconds"),
    ),
    "a connection that does not exist": (
        lambda project: project.edit("models/mini.yml", "connection: klaviyo", "connection: klavyio"),
        ("run",),
        ("models/mini.yml", "config.meta.sync.connection", "did you mean 'klaviyo'"),
    ),
    "a purpose that nobody is asked for": (
        lambda project: project.edit("models/mini.yml", "purpose: email_marketing", "purpose: e_mail"),
        ("run",),
        ("models/mini.yml", "config.meta.sync.purpose", "email_marketing"),
    ),
    "a mode that does not exist": (
        lambda project: project.edit("models/mini.yml", "mode: mirror", "mode: replicate"),
        ("run",),
        ("models/mini.yml", "klaviyo_winback", "mode", "mirror"),
    ),
    "a model that does not exist": (
        lambda project: project.edit("models/profiles.sql", "'customer'", "'customers'"),
        ("plan",),
        ("dbt", "profiles", "customers"),
    ),
    "an unknown destination": (
        lambda project: project.edit("connections.yml", "destination: klaviyo", "destination: klavyio"),
        ("plan",),
        ("connections.yml", "connections.klaviyo.destination", "klaviyo"),
    ),
    "a missing secret": (no_secret, ("run",), ("connections.yml", "connections.klaviyo.api_key", "KLAVIYO_API_KEY")),
    "a null key": (
        lambda project: project.sql("update weft.sync_klaviyo__winback set email = null where first_name = 'Ada'"),
        ("run",),
        ("sync_klaviyo__winback", "1 of 3 rows have no email"),
    ),
    "a duplicate key": (
        lambda project: project.sql("insert into weft.sync_klaviyo__winback from weft.sync_klaviyo__winback limit 1"),
        ("run",),
        ("sync_klaviyo__winback", "email"),
    ),
    "a key that the feed does not have": (
        lambda project: project.sql("alter table weft.sync_klaviyo__winback rename column email to mail"),
        ("run",),
        ("sync_klaviyo__winback", "lacks email"),
    ),
    "settings that are no text": (
        lambda project: (project.root / ".env").write_bytes(b"\xff\xfe\x00"),
        ("plan",),
        (".env", "NAME=value"),
    ),
    "a setting that is none": (
        lambda project: (project.root / ".env").write_text("WEFT_TARGET=duckdb\nKLAVIYO_URL is = there\n"),
        ("run",),
        (".env, line 2", "NAME=value"),
    ),
    "connections that are no text": (
        lambda project: (project.root / "connections.yml").write_bytes(b"\xff\xfe\x00"),
        ("plan",),
        ("connections.yml", "YAML"),
    ),
    "a profile that is no YAML": (
        lambda project: project.edit("profiles.yml", "  target:", "  password: [hunter2\n  target:"),
        ("plan",),
        ("profiles.yml line 3", "YAML"),
    ),
    "a warehouse that is not known": (
        lambda project: project.patch.setenv("WEFT_TARGET", "duck"),
        ("plan",),
        ("profiles.yml", "WEFT_TARGET", "duckdb"),
    ),
    "a file that is no warehouse": (no_database, ("run",), ("warehouse.duckdb", "DuckDB")),
    "an unknown sync": (lambda project: None, ("plan", "klaviyo_winbak"), ("klaviyo_winbak", "klaviyo_winback")),
    "an unknown outcome": (
        lambda project: None,
        ("ledger", "klaviyo_winback", "--outcome", "lost"),
        ("--outcome", "applied"),
    ),
    "an unknown type of identifier": (lambda project: None, ("profile", "fax:1"), ("fax", "email, phone")),
    "a guard that does not exist": (
        lambda project: None,
        ("run", "--allow", "removal"),
        ("--allow", "removal", "removals"),
    ),
    "an identifier of no type": (lambda project: None, ("profile", ":ada"), ("TYPE:VALUE",)),
    "an identifier without a type": (lambda project: None, ("profile", "ada"), ("TYPE:VALUE",)),
    "a national number of no country": (lambda project: None, ("profile", "phone:030 1234567"), ("--country",)),
    "a moment that is none": (odd_moment, ("plan",), ("WEFT_AS_OF", "2026-07-01T00:00:00Z")),
    "a warehouse that is not there": (no_file, ("plan",), ("warehouse.duckdb", "make demo")),
}


# Keys are looked at in the one pass over the feed that plans: by then a run has begun, and is written down as failed.
FOUND_BY_THE_PLAN = ("a null key", "a duplicate key")


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_message_and_changes_nothing(project: Project, account: Running, case: str) -> None:
    spoil, command, expected = BAD[case]
    spoil(project)
    file = project.root / ".weft" / "warehouse.duckdb"
    before = file.read_bytes() if file.exists() else None

    answer = project.weft(*command)

    assert answer.code == 2
    assert answer.out == ""
    assert all(part in answer.err for part in expected), answer.err
    assert "Traceback" not in answer.err
    assert account.accounts["klaviyo"].calls == []
    assert "hunter2" not in answer.err
    if case in FOUND_BY_THE_PLAN:
        assert project.sql("select status, sending_from from weft_engine.sync_runs") == [("failed", None)]
        assert project.sql("select 1 from weft_engine.sync_plan union all select 1 from weft_engine.sync_state") == []
        return
    assert (file.read_bytes() if file.exists() else None) == before, "not a byte of the warehouse was written"


def test_several_mistakes_in_an_exposure_are_told_at_once(project: Project, account: Running) -> None:
    project.edit("models/mini.yml", "mode: mirror", "mode: replicate")
    project.edit("models/mini.yml", "          object: list\n", "")

    answer = project.weft("plan")

    assert answer.code == 2
    assert "config.meta.sync.mode" in answer.err
    assert "config.meta.sync.object" in answer.err


def refresh(project: Project) -> subprocess.CompletedProcess[str]:
    """Run the whole graph, as a user would from a terminal."""
    command = [sys.executable, "-W", "ignore", "-m", "assets.run"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "DAGSTER_HOME": str(project.root / ".weft" / "dagster")}
    return subprocess.run(command, cwd=project.root, env=env, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda root: (root / ".weft/raw/shop/customer/day_0001.parquet").unlink(), ("shop/customer",)),
        (lambda root: write_customers(root, email=[1, 2, 3]), ("customer", "email")),
        (lambda root: write_customers(root, id=["a", "b", "c"]), ("customer", "column id", "number")),
    ],
    ids=["missing file", "changed type", "text for a number"],
)
def test_raw_tables_are_looked_at_before_anything_is_built(
    project: Project, account: Running, spoil: Callable[[Path], object], expected: tuple[str, ...]
) -> None:
    spoil(project.root)
    before = project.state()

    done = refresh(project)

    assert done.returncode == 2, done.stdout + done.stderr
    assert all(part in done.stderr for part in (*expected, "where:", "fix:")), done.stderr
    assert project.state() == before
    assert not (project.root / ".weft" / "dagster").exists(), "Dagster was not even started"


def test_a_secret_is_missed_before_anything_is_built(project: Project) -> None:
    done = refresh(project)

    assert done.returncode == 2
    assert "KLAVIYO_API_KEY" in done.stderr
    assert not (project.root / ".weft" / "dagster").exists()


class Refusal(BaseHTTPRequestHandler):
    """Answers a login to Snowflake as Snowflake does when the password is wrong."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        message = "Incorrect username or password was specified."
        body = json.dumps(
            {"data": {}, "code": "390100", "message": message, "success": False, "headers": None}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay silent."""


@pytest.fixture
def closed_snowflake(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = HTTPServer(("127.0.0.1", 0), Refusal)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("WEFT_TARGET", "snowflake")
    monkeypatch.setenv("SNOWFLAKE_PORT", str(server.server_port))
    monkeypatch.setenv("SNOWFLAKE_PASSWORD", "hunter2")
    yield
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_wrong_warehouse_password_is_one_message_without_the_password(
    project: Project, account: Running, closed_snowflake: None
) -> None:
    done = refresh(project)

    assert done.returncode == 2, done.stdout + done.stderr
    assert "password" in done.stderr
    assert "SNOWFLAKE_PASSWORD" in done.stderr
    assert "hunter2" not in done.stderr
    assert account.accounts["klaviyo"].calls == []
