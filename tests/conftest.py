"""Fixtures that several areas share: the project, its tools, and a Snowflake to talk to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytest.register_assert_rewrite("conformance")  # whichever module of it is imported first

from tests.commands import dbt, python  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
#: Where a module takes more than a minute, the longest first: they begin, so that no worker is left alone with one.
SLOWEST = (
    *("demo/test_whole_demo.py", "identity/probable/test_scoring.py", "snowflake/test_two_warehouses.py"),
    *("identity/test_limits.py", "profiles/test_incremental.py", "identity/test_health.py", "households/test_story.py"),
    *(
        "identity/test_story.py",
        "identity/test_delta.py",
        "identity/test_bad_input.py",
        "examples/test_probable_links.py",
    ),
    *("segments/test_bad_input.py", "identity/test_explain.py", "identity/test_overrides.py"),
    *("engine/test_dbt_results.py", "examples/test_public_data.py", "profiles/test_survivorship.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slowest modules first; the others keep their order, and so do the tests of each."""
    places = {ROOT / "tests" / name: place for place, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@dataclass(frozen=True)
class Shell:
    """Runs the project's commands as a user would, each in a process of its own, in a home of this test's own."""

    home: Path
    env: Mapping[str, str] = field(default_factory=dict)

    def with_env(self, **changes: str) -> Shell:
        return Shell(self.home, {**self.env, **changes})

    def run(self, *command: str, check: bool = True, timeout: float = 280) -> subprocess.CompletedProcess[str]:
        """Run ``python -m <command>`` and return what it printed.

        Raises:
            AssertionError: ``check`` is set and the command failed; its whole output is in the message.
        """
        done = python(*command, cwd=ROOT, env={**os.environ, **self.env}, timeout=timeout)
        if check:
            assert done.returncode == 0, f"{command} exited with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done

    def dbt(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run dbt on the project with this home's target folder."""
        paths = ("--target-path", str(self.home / "target"), "--log-path", str(self.home / "logs"))
        done = dbt(*arguments, *paths, cwd=ROOT, env={**os.environ, **self.env})
        if check:
            assert done.returncode == 0, f"dbt {arguments} exited with {done.returncode}:\n{done.stdout}"
        return done


def shell(home: Path, **env: str) -> Shell:
    """Return a shell whose warehouse, raw files and manifest live under ``home``."""
    return Shell(
        home,
        {
            "WEFT_DUCKDB_PATH": str(home / "warehouse.duckdb"),
            "WEFT_RAW": str(home / "raw"),
            "WEFT_MANIFEST": str(home / "target" / "manifest.json"),
            "DO_NOT_TRACK": "1",
            **env,
        },
    )


@pytest.fixture(scope="session", autouse=True)
def _shared_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what longer-lived fixtures share between processes out of the developer's own folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEFT_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        # The commands that tests start keep what Python compiled; else each of them compiles dbt and Dagster again.
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        yield


@pytest.fixture(autouse=True)
def state_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test rate budgets and circuit breakers of its own."""
    folder = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("WEFT_STATE_DIR", str(folder))
    return folder


@pytest.fixture(scope="session")
def snowflake() -> Iterator[dict[str, str]]:
    """The environment that points dbt and weft at a Snowflake emulator on this machine."""
    # Only who needs it pays for the import of the connector and the emulator.
    from tests.snowflake.emulator import snowflake_server

    with snowflake_server() as env:
        yield {**env, "DBT_PROFILES_DIR": str(ROOT / "tests" / "snowflake")}


@pytest.fixture(scope="module", autouse=True)
def _no_database_outlives_its_module() -> Iterator[None]:
    """Empty the emulator after the tests of a module, if any of them started it."""
    yield
    if emulator := sys.modules.get("tests.snowflake.emulator"):
        emulator.forget_databases()
