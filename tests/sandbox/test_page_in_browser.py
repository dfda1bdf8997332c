"""The open page follows what arrives, without losing what the reader folded away."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
import requests
from playwright.sync_api import sync_playwright

from sandbox.server import Running

Call = Callable[..., requests.Response]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
def test_the_open_page_follows_what_arrives(sandbox: Running, hubspot: Call) -> None:
    def add(email: str) -> None:
        row = {"id": email, "idProperty": "email", "properties": {"weft_lifetime_value": "1"}}
        assert hubspot("POST", "/crm/v3/objects/contacts/batch/upsert", {"inputs": [row]}).status_code == 200

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(sandbox.url)
        add("ann@example.com")
        page.wait_for_selector(".hubspot output:text-is('1')", timeout=30_000)
        page.click("summary")
        add("bo@example.com")
        page.wait_for_selector(".hubspot output:text-is('2')", timeout=30_000)
        folded = page.eval_on_selector("details", "details => !details.open")
        browser.close()

    assert folded
    assert errors == []
