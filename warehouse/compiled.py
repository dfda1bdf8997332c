"""The SQL that dbt compiles each model to, for what reads models rather than runs them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from warehouse.errors import ConfigError
from warehouse.profile import profile_name, read_output
from warehouse.project import fingerprint, manifest_path, run_dbt

#: Everything is compiled for this moment, which no data has, so that the SQL of any other moment can be made from it.
_MOMENT = datetime.fromisoformat("1999-12-31 23:59:58.123457")


def compile_project(root: Path, as_of: datetime | None = None) -> Mapping[str, str]:
    """Return the compiled SQL of every model, in the warehouse's own dialect, by dbt's id.

    Compiling takes some ten seconds, so the answer is kept beside the manifest until a file or setting of the project
    changes. Incremental models are as they are on their first run. On DuckDB no database is opened, so it works while
    a build holds the file; relations may carry the database name ``memory`` there.

    Args:
        root: The project's folder.
        as_of: The run's moment in the SQL, in UTC without a zone; a fixed one when left out.

    Raises:
        WarehouseError: The profile is missing or wrong.
        ConfigError: dbt could not compile the project; the message is dbt's own.
    """
    kept = manifest_path(root).with_name("compiled.json")
    current = fingerprint(root)
    models = _read(kept, current)
    if models is None:
        models = _compile(root)
        kept.parent.mkdir(parents=True, exist_ok=True)
        written = kept.with_suffix(f".{os.getpid()}.tmp")
        written.write_text(json.dumps({"fingerprint": current, "models": models}), encoding="utf-8")
        written.replace(kept)
    if as_of is None:
        return models
    return {name: sql.replace(_literal(_MOMENT), _literal(as_of)) for name, sql in models.items()}


def _literal(moment: datetime) -> str:
    """Return a moment as the macro ``as_of`` writes it."""
    return f"'{moment.isoformat(sep=' ')}'"


def _read(kept: Path, current: str) -> dict[str, str] | None:
    try:
        held = json.loads(kept.read_text(encoding="utf-8"))
        models: dict[str, str] = held["models"]
        return models if held["fingerprint"] == current else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _compile(root: Path) -> dict[str, str]:
    output, _ = read_output(root, None, os.environ)
    target = manifest_path(root).with_name("compile")
    settings = {"WEFT_AS_OF": _MOMENT.isoformat()}
    if output.get("type") == "duckdb":
        settings["DBT_PROFILES_DIR"] = str(_profile_without_file(root, output, target))
    failure = run_dbt(root, "compile", target, settings)
    if failure is not None:
        raise ConfigError(
            "dbt could not compile the project.",
            where=failure,
            fix="Mend the file that dbt names, then run the command again.",
        )
    raw = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    return {
        node["unique_id"]: node["compiled_code"]
        for node in raw["nodes"].values()
        if node["resource_type"] == "model" and node.get("compiled_code")
    }


def _profile_without_file(root: Path, output: Mapping[str, Any], folder: Path) -> Path:
    """Write the profile with a database in memory in place of the file, and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    profile = {profile_name(root): {"target": "duckdb", "outputs": {"duckdb": {**output, "path": ":memory:"}}}}
    (folder / "profiles.yml").write_text(yaml.safe_dump(profile), encoding="utf-8")
    return folder
