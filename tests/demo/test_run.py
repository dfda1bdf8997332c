"""``python -m demo run`` before anything heavy starts: days, settings, ports, starting over."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from rich.console import Console

from demo import run as demo_run
from demo.generate import generate
from demo.run import PEOPLE, SEED, plan_days, prepare, reset
from demo.settings import HEADER, Settings
from demo.simulator import answers, sandbox, stop_orphan
from warehouse.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        root=tmp_path,
        raw=tmp_path / ".weft" / "raw",
        database=tmp_path / ".weft" / "warehouse.duckdb",
        sandbox_state=tmp_path / ".weft" / "sandbox.sqlite",
        sandbox_port=free_port(),
        env_file=tmp_path / ".env",
    )


@pytest.fixture
def console() -> Console:
    return Console(record=True, width=200, file=io.StringIO())


def load(raw: Path, days: int, people: int = 60, seed: int = SEED) -> None:
    for day in range(1, days + 1):
        generate(raw, people=people, day=day, seed=seed)


def test_the_first_run_is_day_1_of_the_default_size(tmp_path: Path) -> None:
    assert plan_days(tmp_path, None, None) == (1, PEOPLE)
    assert plan_days(tmp_path, 3, 80) == (3, 80)


@pytest.mark.parametrize(("asked", "loaded", "expected"), [(None, 2, 2), (1, 2, 2), (2, 1, 2), (3, 1, 3), (None, 1, 1)])
def test_time_never_runs_backwards(tmp_path: Path, asked: int | None, loaded: int, expected: int) -> None:
    load(tmp_path, loaded)
    assert plan_days(tmp_path, asked, None) == (expected, 60)


def test_another_size_or_seed_is_refused_and_says_how_to_start_over(tmp_path: Path) -> None:
    load(tmp_path, 1, seed=SEED + 1)
    with pytest.raises(ConfigError, match="another version or seed"):
        plan_days(tmp_path, None, None)
    generate(tmp_path, people=60, day=1, seed=SEED, force=True)
    with pytest.raises(ConfigError, match="has 60 people, not 70") as refused:
        plan_days(tmp_path, None, 70)
    assert "demo reset" in refused.value.fix


def test_day_0_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no day 0"):
        plan_days(tmp_path, 0, None)


def test_preparing_writes_all_days_and_the_settings_and_says_when_it_goes_on_with_a_later_day(
    settings: Settings, console: Console
) -> None:
    assert prepare(settings, console, day=2, people=60) == 2
    assert prepare(settings, console, day=1) == 2
    assert "time does not run backwards" in console.export_text()
    written = settings.env_file.read_text()
    assert written.startswith(HEADER)
    assert "WEFT_AS_OF=2026-07-02T00:00:00Z" in written
    assert f"KLAVIYO_URL=http://127.0.0.1:{settings.sandbox_port}/klaviyo" in written


def test_a_users_own_env_file_stays_and_the_run_still_delivers_to_the_sandbox_only(
    settings: Settings, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.env_file.write_text("KLAVIYO_API_KEY=mine\n")
    monkeypatch.setenv("KLAVIYO_URL", "https://a.klaviyo.com")
    monkeypatch.setenv("KLAVIYO_API_KEY", "mine")
    prepare(settings, console, people=60)
    assert settings.env_file.read_text() == "KLAVIYO_API_KEY=mine\n"
    assert "your own file" in console.export_text()
    given = settings.environment(1)
    assert given["KLAVIYO_URL"] == f"{settings.sandbox_url}/klaviyo"
    assert given["KLAVIYO_API_KEY"] != "mine"


class Stranger(BaseHTTPRequestHandler):
    """Another program that speaks HTTP."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def stranger() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Stranger)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_port_that_another_program_has_is_named_with_the_way_out(settings: Settings, stranger: int) -> None:
    taken = dataclasses.replace(settings, sandbox_port=stranger)
    with pytest.raises(ConfigError, match=f"Port {stranger} is taken") as refused, sandbox(taken):
        pass
    assert "WEFT_SANDBOX_PORT=" in refused.value.fix


def test_a_sandbox_is_started_once_and_stopped_by_who_started_it(settings: Settings) -> None:
    here = dataclasses.replace(settings, root=ROOT)
    with sandbox(here) as started:
        assert started
        with sandbox(here) as started_again:
            assert not started_again
        with urllib.request.urlopen(f"{here.sandbox_url}/health") as response:
            assert json.load(response)["status"] == "ok"
        with pytest.raises(ConfigError, match="running"):
            reset(here)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", here.sandbox_port)) != 0


def test_the_sandbox_of_a_killed_demo_is_stopped_and_nobody_elses_is(settings: Settings) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    settings.sandbox_state.parent.mkdir(parents=True, exist_ok=True)
    note = settings.sandbox_state.with_name(f"{settings.sandbox_state.name}.pid")
    command = [sys.executable, "-m", "sandbox", "--port", str(settings.sandbox_port), "--state", ":memory:"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT) as left_behind:
        while not answers(settings):
            time.sleep(0.05)
        for words in (f"{left_behind.pid} {os.getpid()}", f"{os.getpid()} {gone.pid}", "", "no numbers"):
            note.write_text(words)
            stop_orphan(settings)
            assert answers(settings), words

        note.write_text(f"{left_behind.pid} {gone.pid}")
        stop_orphan(settings)

        assert not answers(settings)
        assert not note.exists()


def test_a_reset_deletes_the_demos_files_and_nothing_that_lies_elsewhere(settings: Settings, tmp_path: Path) -> None:
    elsewhere = tmp_path / "mine.duckdb"
    elsewhere.write_text("mine")
    load(settings.raw, 1)
    settings.sandbox_state.write_text("")
    reset(dataclasses.replace(settings, database=elsewhere))
    assert elsewhere.exists()
    assert not settings.raw.exists()
    assert not settings.sandbox_state.exists()


@pytest.mark.parametrize("port", ["eighty", "0", "70000"])
def test_a_port_that_is_none_is_refused(port: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WEFT_SANDBOX_PORT", port)
    with pytest.raises(ConfigError, match="WEFT_SANDBOX_PORT"):
        Settings.read(tmp_path)


def test_without_the_source_tree_one_message_says_so(settings: Settings, console: Console) -> None:
    with pytest.raises(ConfigError, match="whole source tree"):
        demo_run.run(settings, console)
