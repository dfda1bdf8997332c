"""Dagster's UI in a headless browser: the graph from source to destination, and a sync materialised by a click."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox.server import Running, start
from tests.cli.conftest import MINI, write_customers
from tests.conftest import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 120  # seconds; three of Dagster's processes start on two cores

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on the PATH to open the page with"),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_served(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/server_info", timeout=5):
            return
        time.sleep(0.5)
    raise AssertionError(f"Dagster did not come up:\n{log.read_text()[-4000:]}")


@pytest.fixture
def account() -> Iterator[Running]:
    with start() as running:
        yield running


@pytest.fixture
def dagster(tmp_path: Path, account: Running) -> Iterator[str]:
    """The address of Dagster's UI on a project whose models are built and whose sync has never run."""
    root, home, log = tmp_path / "project", tmp_path / "dagster", tmp_path / "dagster.log"
    shutil.copytree(MINI, root)
    write_customers(root)
    home.mkdir()
    shutil.copy(ROOT / "assets" / "dagster.yaml", home / "dagster.yaml")
    env = {name: value for name, value in os.environ.items() if not name.startswith("WEFT_")}
    env |= account.environment() | {
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        "DAGSTER_HOME": str(home),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "WEFT_AS_OF": "2026-07-01T00:00:00Z",
    }
    subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", "build", "--quiet"], cwd=root, env=env, check=True, timeout=120
    )
    port = free_port()
    command = [sys.executable, "-m", "dagster", "dev", "-m", "assets.definitions", "--host", "127.0.0.1"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--port", str(port)], cwd=root, env=env, stdout=output, stderr=output, start_new_session=True
        )
        try:
            wait_until_served(f"http://127.0.0.1:{port}", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            # Dagster's own children are in the group that it leads; nobody else's are.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=30)
                # A code server may outlast it: it waits for the runs that it started.
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with playwright.sync_playwright() as driver:
        flags = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        opened = browser.new_page(viewport={"width": 1600, "height": 1000})
        opened.set_default_timeout(PATIENCE * 1000)
        yield opened
        opened.screenshot(path=tmp_path / "last.png")
        browser.close()


@pytest.mark.timeout(600)
def test_a_sync_is_seen_from_source_to_destination_and_run_by_a_click(
    dagster: str, page: Page, account: Running
) -> None:
    page.goto(f"{dagster}/asset-groups", wait_until="domcontentloaded")
    for name in ("raw", "reverse_etl", "destinations"):
        page.get_by_text(name, exact=True).first.wait_for()

    page.goto(
        f"{dagster}/assets/sync/klaviyo_winback?view=lineage&lineageScope=neighbors", wait_until="domcontentloaded"
    )
    for name in (r"^sync_kla.*winback$", r"^WINBACK$"):  # long names are shortened in their middle
        page.get_by_text(re.compile(name)).first.wait_for()

    page.goto(f"{dagster}/assets/sync/klaviyo_winback", wait_until="domcontentloaded")
    page.get_by_text("lifecycle@example.com").first.wait_for()
    page.get_by_role("button", name="Materialize").first.click()
    page.get_by_role("button", name="Confirm").click()  # dbt built the feed without Dagster, which asks about that

    page.get_by_text("Never materialized").wait_for(state="hidden")
    page.reload(wait_until="domcontentloaded")  # the page tells of the run at once, of its metadata when it is opened
    page.get_by_text("kept back: consent").first.wait_for()  # the run's own table
    shown = page.locator("table").filter(has_text="kept back: consent").last.inner_text().split()
    assert shown[shown.index("applied") + 1] == "2"
    emails = {member["email"] for member in account.accounts["klaviyo"].members("WINBACK")}
    assert emails == {"ada@example.com", "bob@example.com"}
