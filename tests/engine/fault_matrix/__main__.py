"""Writes docs/faults.md: ``python -m tests.engine.fault_matrix``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.engine.fault_matrix.page import render
from tests.engine.fault_matrix.play import play_all

PAGE = Path(__file__).resolve().parents[3] / "docs" / "faults.md"

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(render(play_all(Path(folder))), encoding="utf-8")
    print(f"wrote {PAGE}")
