"""Takes the README's picture of the asset graph from a running Dagster: ``python docs/screenshot.py [URL]``.

Start the UI first (``make dev``), after a run, so that the assets show their state. It needs playwright and a chromium.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import sync_playwright

URL = "http://127.0.0.1:3000"
PICTURE = Path(__file__).parent / "images" / "asset-graph.png"
#: Groups that are shown with their assets; the others are one box each, or the picture would not be readable.
OPEN = ("syncs", "reverse_etl", "destinations")
SIZE = {"width": 1900, "height": 800}
MARGIN = 16


def take(url: str) -> Path:
    """Open the asset graph, make it fill the window and take the picture.

    Args:
        url: Where Dagster's UI is.

    Returns:
        The picture's path.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    expanded = quote(",".join(f"global@global:{group}" for group in OPEN))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=SIZE, device_scale_factor=2)
        page.goto(f"{url}/asset-groups?expanded={expanded}", wait_until="domcontentloaded")
        page.get_by_text("reverse_etl", exact=True).first.wait_for(timeout=120_000)
        page.get_by_role("button", name="Hide navigation").click()
        page.wait_for_timeout(8_000)  # the layout is computed in a worker, then animated
        PICTURE.parent.mkdir(exist_ok=True)
        boxes = [box for node in page.locator("svg foreignObject").all() if (box := node.bounding_box())]
        left, top = min(box["x"] for box in boxes) - MARGIN, min(box["y"] for box in boxes) - MARGIN
        right = max(box["x"] + box["width"] for box in boxes) + MARGIN
        bottom = max(box["y"] + box["height"] for box in boxes) + MARGIN
        page.screenshot(path=PICTURE, clip={"x": left, "y": top, "width": right - left, "height": bottom - top})
        browser.close()
    return PICTURE


if __name__ == "__main__":
    print(take(sys.argv[1] if len(sys.argv) > 1 else URL))  # noqa: T201
