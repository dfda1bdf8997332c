"""A project of a few models without dbt: what the manifest would say of them, and their compiled SQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from lineage.gate import check_policy
from lineage.project import ProjectLineage
from reverse_etl.connections import Connection, load_connections
from reverse_etl.definitions import SyncDefinition, load_syncs
from warehouse.manifest import Manifest

CONNECTIONS = """
connections:
  klaviyo: {destination: klaviyo, base_url: "http://127.0.0.1:9", api_key: "${KLAVIYO_API_KEY}"}
  meta: {destination: meta, base_url: "http://127.0.0.1:9", access_token: "${META_ACCESS_TOKEN}"}
"""
POLICY: dict[str, Any] = {
    "labels": {
        "email": "E-mail addresses.",
        "name": "Names.",
        "behaviour": {"description": "What they did.", "carried_by": "conditions"},
        "sensitive": {"description": "Health.", "carried_by": "rows"},
    },
    "rules": {
        "default": {"email": "plain", "name": "plain", "behaviour": "plain", "sensitive": "never"},
        "destinations": {"meta": {"email": "hashed"}},
    },
}
SOURCE = {"id": [], "email": ["email"], "name": ["name"], "orders": ["behaviour"], "illness": ["sensitive"]}
SYNCS: dict[str, dict[str, Any]] = {
    "klaviyo": {"object": "list", "target": "LIST", "key": "email"},
    "meta": {"object": "custom_audience", "target": "1", "key": "email"},
}


@dataclass
class Small:
    """A project: a raw table of customers, models, and a sync of each that is called ``sync_<connection>__…``.

    Attributes:
        root: Its folder.
        models: SQL by name, each reading those before it.
        policy: What policy.yml says.
        columns: Labels, or none, of the columns of the raw table.
        labels: What a model's yml says of columns: ``model.column`` to labels.
        snapshots: The names of those that are snapshots.
    """

    root: Path
    models: dict[str, str] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=lambda: json.loads(json.dumps(POLICY)))
    columns: Mapping[str, Any] = field(default_factory=lambda: dict(SOURCE))
    labels: dict[str, Any] = field(default_factory=dict)
    snapshots: frozenset[str] = frozenset()

    def manifest(self) -> Manifest:
        (self.root / "dbt_project.yml").write_text("name: small\nprofile: small\n")
        (self.root / "profiles.yml").write_text("small: {target: d, outputs: {d: {type: duckdb, path: x.duckdb}}}\n")
        (self.root / "connections.yml").write_text(CONNECTIONS)
        (self.root / "policy.yml").write_text(yaml.safe_dump(self.policy))
        nodes = {f"model.small.{name}": self._model(name, sql) for name, sql in self.models.items()}
        for name in ("profile_consents", "suppressions"):
            nodes[f"model.small.{name}"] = self._model(name, "select 'x' as profile_id")
        source = {
            "unique_id": "source.small.raw.customer", "resource_type": "source", "name": "customer",
            "source_name": "raw", "schema": "raw", "original_file_path": "models/raw.yml",
            "relation_name": "read_parquet('raw/customer/*.parquet', union_by_name=true)",
            "columns": {name: _column(name, labels) for name, labels in self.columns.items()},
        }  # fmt: skip
        (self.root / "purposes.csv").write_text("purpose,legal_basis\nadvertising,consent\nsales_outreach,consent\n")
        nodes["seed.small.purposes"] = {
            "unique_id": "seed.small.purposes", "resource_type": "seed", "name": "purposes", "schema": "main",
            "root_path": str(self.root), "original_file_path": "purposes.csv",
        }  # fmt: skip
        feeds = [name for name in self.models if name.startswith("sync_")]
        content = {
            "metadata": {"adapter_type": "duckdb"},
            "nodes": nodes,
            "sources": {"source.small.raw.customer": source},
            "exposures": {f"exposure.small.to_{name}": self._exposure(name) for name in feeds},
        }
        path = self.root / "target" / "manifest.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))
        return Manifest.load(path)

    def _model(self, name: str, sql: str) -> dict[str, Any]:
        before = [f"model.small.{other}" for other in list(self.models)[: list(self.models).index(name)]] if (
            name in self.models
        ) else []  # fmt: skip
        columns = {key.split(".")[1]: value for key, value in self.labels.items() if key.split(".")[0] == name}
        return {
            "unique_id": f"model.small.{name}", "name": name, "schema": "main",
            "resource_type": "snapshot" if name in self.snapshots else "model",
            "original_file_path": f"models/{name}.sql", "patch_path": f"small://models/{name}.yml",
            "depends_on": {"nodes": before}, "compiled_code": sql,
            "columns": {column: _column(column, labels) for column, labels in columns.items()},
        }  # fmt: skip

    def _exposure(self, feed: str) -> dict[str, Any]:
        connection = feed.removeprefix("sync_").split("__")[0]
        sync = {"connection": connection, "mode": "upsert", "purpose": "advertising", **SYNCS[connection]}
        return {
            "unique_id": f"exposure.small.to_{feed}", "name": f"to_{feed}", "config": {"meta": {"sync": sync}},
            "original_file_path": f"models/{feed}.yml", "depends_on": {"nodes": [f"model.small.{feed}"]},
        }  # fmt: skip

    def read(self) -> tuple[Manifest, dict[str, Connection], list[SyncDefinition]]:
        manifest = self.manifest()
        connections = load_connections(self.root / "connections.yml")
        return manifest, connections, load_syncs(manifest, connections)

    def lineage(self) -> ProjectLineage:
        manifest, connections, syncs = self.read()
        return ProjectLineage(self.root, manifest, connections, syncs)

    def check(self) -> None:
        manifest, connections, syncs = self.read()
        check_policy(self.root, manifest, connections, syncs)


def _column(name: str, labels: Any) -> dict[str, Any]:
    return {"name": name, "config": {"meta": {"labels": labels} if labels is not None else {}}}


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Small]:
    """Return what makes a project of models: SQL by name, in which ``raw`` stands for the raw table."""
    for name in ("WEFT_MANIFEST", "WEFT_CONNECTIONS", "WEFT_TARGET", "WEFT_PACKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def make(**models: str) -> Small:
        raw = "read_parquet('raw/customer/*.parquet', union_by_name=true)"
        return Small(tmp_path, {name: sql.replace("from raw", f"from {raw}") for name, sql in models.items()})

    return make
