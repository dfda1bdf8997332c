"""The page shows what arrived, and gives nobody away."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from sandbox.page import mask
from sandbox.server import Running, start

Call = Callable[..., requests.Response]


def contacts(count: int) -> dict[str, Any]:
    rows = [
        {
            "id": f"person{n}@example.com",
            "idProperty": "email",
            "properties": {"firstname": "Ann", "lastname": "Winterbottom", "weft_lifetime_value": "1"},
        }
        for n in range(count)
    ]
    return {"inputs": rows}


def test_the_page_shows_counts_and_history_but_no_address(sandbox: Running, hubspot: Call) -> None:
    hubspot("POST", "/crm/v3/objects/contacts/batch/upsert", contacts(12))
    hubspot("POST", "/crm/v3/objects/contacts/batch/upsert", {"inputs": []})
    page = requests.get(sandbox.url, timeout=5).text

    assert "weft sandbox" in page
    assert "Contacts with weft properties" in page
    assert "+12" in page
    assert "and 4 more" in page
    assert "p•••@e•••.com" in page
    assert "VALIDATION_ERROR" in page
    for secret in ("person1@example.com", "Winterbottom", "pat-demo-weft"):
        assert secret not in page


def test_an_empty_sandbox_has_a_page_and_names_itself(sandbox: Running) -> None:
    assert "Nothing has arrived yet" in requests.get(sandbox.url, timeout=5).text
    assert requests.get(f"{sandbox.url}/health", timeout=5).json()["name"] == "weft sandbox"
    assert requests.get(f"{sandbox.url}/elsewhere/x", timeout=5).status_code == 404


def test_identifiers_cannot_be_read_back_from_their_mask() -> None:
    assert mask("ann.lee@mail.example.com") == "a•••@m•••.com"
    assert mask("120000000001") == "120•••01"
    assert mask("short") == "•••"


def test_two_sandboxes_do_not_share_anything(sandbox: Running, hubspot: Call) -> None:
    hubspot("POST", "/crm/v3/objects/contacts/batch/upsert", contacts(3))
    with start() as other:
        assert other.accounts["hubspot"].lists["contacts"] == 0


def test_the_command_serves_keeps_its_state_and_reports_a_taken_port(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "sandbox", "--port", port, "--state", str(tmp_path / "new" / "state.sqlite")]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 20
        while True:
            try:
                assert requests.get(f"{url}/health", timeout=1).json()["status"] == "ok"
                break
            except requests.ConnectionError:
                assert time.monotonic() < deadline, "the sandbox never answered"
                time.sleep(0.1)
        second = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert second.returncode == 2
        assert f"Port {port} is taken" in second.stderr
    finally:
        os.kill(first.pid, signal.SIGTERM)
        _, errors = first.communicate(timeout=20)
    assert b"Traceback" not in errors
    assert (tmp_path / "new" / "state.sqlite").exists()
