"""The dbt manifest: what the project defines, without importing dbt."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from warehouse.base import Relation
from warehouse.cycles import check_cycles
from warehouse.errors import ConfigError
from warehouse.project import project_root

_DATA = ("model", "seed", "snapshot", "source")


@dataclass(frozen=True, slots=True)
class Node:
    """A model, seed, snapshot or source.

    Attributes:
        unique_id: dbt's id.
        name: Its name.
        kind: ``model``, ``seed``, ``snapshot`` or ``source``.
        relation: Where its rows are.
        columns: The documented columns, in their order.
        path: Its file, relative to the project.
        checksum: Of the file's text; changes when the model is edited.
        depends_on: The ids of what it reads.
        raw: Everything that the manifest says of it.
    """

    unique_id: str
    name: str
    kind: str
    relation: Relation
    columns: tuple[str, ...] = ()
    path: str = ""
    checksum: str = ""
    depends_on: tuple[str, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def meta(self) -> Mapping[str, Any]:
        """``config.meta``: the model's own, and that of its folders in ``dbt_project.yml``."""
        return (self.raw.get("config") or {}).get("meta") or {}


@dataclass(frozen=True, slots=True)
class Exposure:
    """Something outside the project that depends on it; a sync, when its meta says so.

    Attributes:
        unique_id: dbt's id.
        name: Its name.
        label: Its name for people.
        path: The yml file, relative to the project.
        meta: ``config.meta``.
        owner: The owner's ``name`` and ``email``.
        depends_on: The ids of what it reads.
        description: What it is for.
    """

    unique_id: str
    name: str
    label: str
    path: str
    meta: Mapping[str, Any]
    owner: Mapping[str, Any]
    depends_on: tuple[str, ...]
    description: str = ""


@dataclass(frozen=True)
class Manifest:
    """A parsed dbt project.

    Attributes:
        path: The file that it was read from.
        adapter: The type of warehouse that it was parsed for.
        nodes: Models, seeds, snapshots and sources, by id.
        exposures: By name.
    """

    path: Path
    adapter: str
    nodes: Mapping[str, Node]
    exposures: Mapping[str, Exposure]
    _tests: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def load(cls, path: Path) -> Manifest:
        """Read ``manifest.json``.

        Raises:
            ConfigError: It is missing or is not a manifest, or models read each other in a circle.
        """
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            manifest = cls._parse(path, raw)
        except FileNotFoundError:
            raise ConfigError(
                "There is no dbt manifest, so weft cannot know the syncs.",
                where=str(path),
                fix="run `dbt parse` or `make demo`, or set WEFT_MANIFEST to the manifest.json you mean",
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(
                "The file is not a dbt manifest that weft can read.", where=str(path), fix="run `dbt parse` again"
            ) from error
        check_cycles(manifest.nodes)
        return manifest

    def model(self, name: str) -> Node | None:
        """Return the model, seed or snapshot of that name, if the project has it."""
        return next((node for node in self.nodes.values() if node.name == name and node.kind != "source"), None)

    def seed_values(self, name: str, column: str) -> tuple[str, ...]:
        """Return the values of a seed's column, read from its file: at parse time nothing of it may be loaded yet.

        Raises:
            ConfigError: The project has no such seed, or its file no such column.
        """
        node = self.model(name)
        if node is None or node.kind != "seed":
            raise ConfigError(
                f"The project has no seed {name!r}.",
                where=str(self.path),
                fix=f"restore seeds/{name}.csv, then `dbt parse`",
            )
        file = Path(str(node.raw.get("root_path") or "")) / node.path
        if not file.is_file():  # the manifest was written on another machine
            file = project_root() / node.path
        try:
            with file.open(encoding="utf-8-sig", newline="") as lines:
                return tuple(row[column].strip() for row in csv.DictReader(lines))
        except (OSError, KeyError, AttributeError):
            raise ConfigError(
                f"The seed {name!r} cannot be read.",
                where=f"{file}, column {column}",
                fix="restore the file; its first line names the columns",
            ) from None

    def upstream(self, unique_id: str) -> frozenset[str]:
        """Return what a model stands on, itself included: models, seeds and snapshots, and the tests of their data.

        A test of severity ``warn`` is left out. One that is attached to no model counts where all that it reads does.
        """
        found, waiting = {unique_id}, [unique_id]
        while waiting:
            node = self.nodes.get(waiting.pop())
            new = set(node.depends_on) - found if node else set()
            found |= new
            waiting += new
        tests = set()
        for test in self._tests:
            read = set((test.get("depends_on") or {}).get("nodes") or ())
            attached = test.get("attached_node")
            severity = str((test.get("config") or {}).get("severity") or "error").lower()
            if severity == "error" and (attached in found if attached else read and read <= found):
                tests.add(str(test["unique_id"]))
        return frozenset(found | tests)

    @classmethod
    def _parse(cls, path: Path, raw: Mapping[str, Any]) -> Manifest:
        adapter = str(raw["metadata"]["adapter_type"])
        everything = [*raw["nodes"].values(), *raw.get("sources", {}).values()]
        nodes = (_node(item, adapter) for item in everything if item["resource_type"] in _DATA)
        exposures = (_exposure(item) for item in raw.get("exposures", {}).values())
        return cls(
            path=path,
            adapter=adapter,
            nodes={node.unique_id: node for node in nodes},
            exposures={exposure.name: exposure for exposure in exposures},
            _tests=tuple(item for item in everything if item["resource_type"] == "test"),
        )


def _node(item: Mapping[str, Any], adapter: str) -> Node:
    # On DuckDB the database is the name of the open file, which may have been another one when dbt parsed.
    database = None if adapter == "duckdb" else item.get("database")
    return Node(
        unique_id=item["unique_id"],
        name=item["name"],
        kind=item["resource_type"],
        relation=Relation(item["schema"], item.get("alias") or item.get("identifier") or item["name"], database),
        columns=tuple(item.get("columns") or ()),
        path=item.get("original_file_path", ""),
        checksum=(item.get("checksum") or {}).get("checksum", ""),
        depends_on=tuple((item.get("depends_on") or {}).get("nodes") or ()),
        raw=item,
    )


def _exposure(item: Mapping[str, Any]) -> Exposure:
    meta = (item.get("config") or {}).get("meta") or item.get("meta") or {}
    return Exposure(
        unique_id=item["unique_id"],
        name=item["name"],
        label=item.get("label") or item["name"],
        path=item.get("original_file_path", ""),
        meta=meta,
        owner=item.get("owner") or {},
        depends_on=tuple((item.get("depends_on") or {}).get("nodes") or ()),
        description=item.get("description") or "",
    )
