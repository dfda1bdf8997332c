"""One version of the project, as dbt reads it: its manifest, the SQL that it compiles to, and the macros behind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from warehouse.errors import ConfigError
from warehouse.manifest import Manifest, Node
from warehouse.project import run_dbt

_BUILT = ("model", "seed", "snapshot")


@dataclass(frozen=True)
class Version:
    """One version of the project.

    Attributes:
        manifest: What dbt parsed.
        raw: The manifest as it was read, with what :class:`Manifest` leaves out.
        root: The folder of its files; none where only a manifest is known.
        renamed: Texts to replace in its compiled SQL, so that two versions name the same relation alike.
    """

    manifest: Manifest
    raw: Mapping[str, Any] = field(repr=False)
    root: Path | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path, root: Path | None = None, renamed: Mapping[str, str] | None = None) -> Version:
        """Read a version from its ``manifest.json``.

        Raises:
            ConfigError: The file is missing or is not a manifest.
        """
        manifest = Manifest.load(file)
        return cls(manifest, json.loads(file.read_text(encoding="utf-8")), root, renamed or {})

    @cached_property
    def nodes(self) -> dict[str, Node]:
        """What dbt builds: models, seeds and snapshots, by id."""
        return {name: node for name, node in self.manifest.nodes.items() if node.kind in _BUILT}

    @cached_property
    def readers(self) -> dict[str, set[str]]:
        """Who reads a node directly."""
        found: dict[str, set[str]] = {}
        for name, node in self.nodes.items():
            for parent in node.depends_on:
                found.setdefault(parent, set()).add(name)
        return found

    def database(self) -> str | None:
        """Return the database that the models are in, as dbt names it."""
        return next((str(node.raw["database"]) for node in self.nodes.values() if node.raw.get("database")), None)

    def sql(self, unique_id: str) -> str | None:
        """Return a model's compiled SQL; nothing where it was not compiled for the moment of the comparison."""
        code = self.nodes[unique_id].raw.get("compiled_code")
        if not code or self.root is None:
            return None
        for written, meant in self.renamed.items():
            code = code.replace(written, meant)
        return str(code)

    def config(self, unique_id: str) -> Mapping[str, Any]:
        """Return a node's configuration."""
        return self.nodes[unique_id].raw.get("config") or {}

    def macros(self, unique_id: str) -> dict[str, str]:
        """Return the SQL of the macros that a node uses, also by way of others."""
        known = self.raw.get("macros") or {}
        waiting = list((self.nodes[unique_id].raw.get("depends_on") or {}).get("macros") or ())
        found: dict[str, str] = {}
        while waiting:
            name = waiting.pop()
            if name not in found and name in known:
                found[name] = str(known[name].get("macro_sql") or "").strip()
                waiting += (known[name].get("depends_on") or {}).get("macros") or ()
        return found

    def downstream(self, names: set[str]) -> set[str]:
        """Return nodes and everything that stands on them."""
        return _closure(names, lambda name: self.readers.get(name, set()))

    def upstream(self, names: set[str]) -> set[str]:
        """Return nodes and everything that they stand on."""
        return _closure(names, lambda name: set(self.nodes[name].depends_on) if name in self.nodes else set())


def _closure(names: set[str], following: Any) -> set[str]:
    found, waiting = set(names), list(names)
    while waiting:
        new = following(waiting.pop()) - found
        found |= new
        waiting += new
    return found


def compile_version(root: Path, target: Path, settings: Mapping[str, str], which: str) -> Path:
    """Let dbt compile a version of the project into a folder, and return its manifest.

    Args:
        root: The version's files.
        target: Where dbt writes.
        settings: Environment variables: which profile, and the run's moment.
        which: The version in words, for the message.

    Raises:
        ConfigError: dbt cannot read or compile it; the message is dbt's own.
    """
    failure = run_dbt(root, "compile", target, settings)
    if failure is not None:
        raise ConfigError(
            f"dbt could not compile {which}.",
            where=failure,
            fix="mend the file that dbt names"
            if which.startswith("the working")
            else "compare with another commit: --base REF",
        )
    return target / "manifest.json"
