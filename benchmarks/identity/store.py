"""Results that several runs add to: kept as JSON, shown as Markdown."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[1] / "results"

Stored = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Store:
    """The results of one benchmark.

    Attributes:
        folder: Where they are.
        name: What their files are called.
        page: Makes the lines of the page out of all of them.
    """

    folder: Path
    name: str
    page: Callable[[Stored], Iterable[str]]

    def keep(self, kind: str, name: str, result: Mapping[str, Any]) -> None:
        """Adds a result, in the place of an older one of the same name, and writes the page again."""
        self.folder.mkdir(parents=True, exist_ok=True)
        stored = self._read()
        stored.setdefault(kind, {})[name] = result
        self._file.write_text(json.dumps(stored, indent=1, default=str) + "\n", encoding="utf-8")
        self.write()

    def write(self) -> str:
        """Writes the page and returns it."""
        text = "\n".join(self.page(self._read()))
        (self.folder / f"{self.name}.md").write_text(text, encoding="utf-8")
        return text

    @property
    def _file(self) -> Path:
        return self.folder / f"{self.name}.json"

    def _read(self) -> dict[str, dict[str, Any]]:
        if not self._file.exists():
            return {}
        stored: dict[str, dict[str, Any]] = json.loads(self._file.read_text(encoding="utf-8"))
        return stored


def about(command: str, *packages: str) -> dict[str, str]:
    """Where and when something was measured, with which versions of the packages."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return {
        "command": command,
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} cores, {memory:.0f} GiB, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": ", ".join(f"{package} {number}" for package, number in found.items()),
    }


def made(result: Mapping[str, Any]) -> str:
    """Says how a result was made."""
    return f"`{result['command']}` on {result['date']}, {result['machine']}, {result['versions']}."
