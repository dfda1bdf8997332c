"""A project in git with people, two segments, a history and a sync, built once: what a change is compared with."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

import warehouse.project
from sandbox.server import Running, start
from tests.cli.conftest import MINI, Answer, Project, write_customers
from tests.commands import dbt

ROOT = Path(__file__).parents[2]
AS_OF = "2026-07-01T00:00:00"
PEOPLE = 200

MODELS = {
    "profiles": """
        select
            md5(cast(id as varchar)) as profile_id, lower(email) as email, first_name, created_at, orders, channel
        from {{ source('raw_shop', 'customer') }}
    """,
    "profile_traits": """
        select profile_id, orders, channel, channel = 'store' as is_regular, created_at as first_order_at
        from {{ ref('profiles') }}
    """,
    "seg_buyers": """
        -- Who bought often enough.
        select traits.profile_id, traits.orders
        from {{ ref('profile_traits') }} as traits
        inner join {{ ref('channels') }} as channels on channels.channel = traits.channel
        where traits.orders >= {{ var('least') }} and traits.first_order_at <= {{ as_of() }}
    """,
    "seg_readers": "select profile_id from {{ ref('profiles') }} where first_name = 'Ada'",
    "segment_history": """
        {{ config(materialized='incremental', unique_key='profile_id', full_refresh=false) }}
        select profile_id, {{ as_of() }} as entered_at from {{ ref('seg_buyers') }}
        {% if is_incremental() %} where profile_id not in (select profile_id from {{ this }}) {% endif %}
    """,
    "sync_klaviyo__winback": """
        select profiles.profile_id, profiles.email, profiles.first_name, history.entered_at
        from {{ ref('seg_buyers') }} as segment
        inner join {{ ref('profiles') }} as profiles on profiles.profile_id = segment.profile_id
        inner join {{ ref('segment_history') }} as history on history.profile_id = segment.profile_id
    """,
    "unread": "select 1 as one",
}


def git(folder: Path, *words: str) -> str:
    """Run git as somebody."""
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "protocol.file.allow=always")
    done = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def write(root: Path, models: dict[str, str]) -> None:
    for name, sql in models.items():
        (root / "models" / f"{name}.sql").write_text(sql, encoding="utf-8")


def write_project(root: Path) -> None:
    """Write the project: the smallest one that has a sync, with something to change in it."""
    shutil.copytree(MINI, root)
    shutil.copytree(ROOT / "macros" / "engine", root / "macros")
    shutil.copy(ROOT / "macros" / "as_of.sql", root / "macros")
    (root / "macros" / "kept.sql").write_text("{% macro kept() %}first_name = 'Ada'{% endmacro %}")
    (root / "seeds").mkdir(exist_ok=True)
    (root / "seeds" / "channels.csv").write_text("channel\nweb\nstore\n")
    settings = (root / "dbt_project.yml").read_text()
    settings += 'on-run-end: "{{ record_results(results) }}"\nvars: {least: 5}\n'
    (root / "dbt_project.yml").write_text(settings)
    (root / ".gitignore").write_text(".weft\ntarget\nlogs\n.user.yml\n")
    sources = root / "models" / "mini.yml"
    columns = "          - {name: created_at, data_type: timestamp}\n"
    more = columns + "          - {name: orders, data_type: bigint}\n          - {name: channel, data_type: varchar}\n"
    sources.write_text(sources.read_text().replace(columns, more))
    write(root, MODELS)
    write_customers(
        root,
        id=list(range(PEOPLE)),
        email=[f"p{number}@example.com" for number in range(PEOPLE)],
        first_name=["Eve" if number % 10 == 0 else "Ada" for number in range(PEOPLE)],
        created_at=[datetime(2026, 1, 1) + timedelta(days=number % 100) for number in range(PEOPLE)],
        orders=[number % 10 for number in range(PEOPLE)],
        channel=["store" if number % 4 == 0 else "web" for number in range(PEOPLE)],
    )


def fingerprint(root: Path) -> dict[str, str]:
    """Return a hash of every table of production, the engine's among them, and of the file itself."""
    file = root / ".weft" / "warehouse.duckdb"
    with duckdb.connect(str(file), read_only=True) as connection:
        names = "select table_schema, table_name from information_schema.tables order by all"
        found = {
            f"{schema}.{name}": hashlib.sha256(
                repr(connection.execute(f'from "{schema}"."{name}" order by all').fetchall()).encode()
            ).hexdigest()
            for schema, name in connection.execute(names).fetchall()
        }
    return found | {"the file": hashlib.sha256(file.read_bytes()).hexdigest()}


def fork_dbt(patch: pytest.MonkeyPatch) -> None:
    """Let the commands that weft starts be forks of a process that has imported dbt already."""

    def run(command: list[str], *, cwd: Path, env: dict[str, str], **_: Any) -> subprocess.CompletedProcess[str]:
        return dbt(*command[1:], cwd=cwd, env=env)

    patch.setattr(warehouse.project, "subprocess", SimpleNamespace(run=run))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Running]:
    with start() as running:
        yield running


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose branch main is what production was built from."""
    root = tmp_path_factory.mktemp("diff") / "origin"
    write_project(root)
    git(root, "init", "--quiet", "--initial-branch", "main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "What production was built from")
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("WEFT_", "DBT_"))}
    done = dbt("build", "--quiet", cwd=root, env=settings | {"WEFT_AS_OF": AS_OF})
    assert done.returncode == 0, done.stdout
    return root


@pytest.fixture
def here(origin: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """The repository, as if weft were called in its folder; its files are put back afterwards."""
    yield project_in(origin, capsys, monkeypatch)
    git(origin, "reset", "--quiet", "--hard", "main")
    git(origin, "clean", "--quiet", "--force", "-d")


def project_in(root: Path, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> Project:
    for name in [name for name in os.environ if name.startswith(("WEFT_", "DBT_")) and name != "WEFT_STATE_DIR"]:
        patch.delenv(name)
    patch.setenv("KLAVIYO_URL", "http://127.0.0.1:9")
    patch.chdir(root)
    fork_dbt(patch)
    return Project(root, capture, patch)


__all__ = ["Answer"]
