"""A copy of the project that begins where identity ends and holds consent, on DuckDB or on the emulator."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

from tests.identity.conftest import ROOT, IdentityProject

TABLES = {
    "identifiers": "source, record_id, identifier_type, identifier_value, observed_at",
    "events": "event_id, source, event_name, occurred_at, received_at, identifier_type, identifier_value, properties",
    "traits": "source, identifier_type, identifier_value, trait, value, observed_at",
    "consents": "source, identifier_type, identifier_value, purpose, status, jurisdiction, occurred_at",
    "erasures": "source, identifier_type, identifier_value, requested_at",
    "identity_map": "identifier_type, identifier_value, profile_id, first_seen_at, last_seen_at",
    "identity_changes": "batch, profile_id_from, profile_id_into, kind, count_identifiers, changed_at",
}
TYPES = {"batch": "bigint", "count_identifiers": "bigint"}


class ConsentProject:
    """What the sources say is in tables that a test writes; the rest is the project's own.

    Args:
        folder: An empty folder.
        snowflake: What says where the emulator is; empty for a DuckDB file in the folder.
        parts: The folders of models that are under test.
    """

    def __init__(self, folder: Path, snowflake: Mapping[str, str], parts: Iterable[str]) -> None:
        if snowflake:
            snowflake = {**snowflake, "SNOWFLAKE_DATABASE": f"consent_{uuid4().hex[:8]}"}
        self.folder = folder
        self.project = IdentityProject(folder, snowflake)
        shutil.copytree(ROOT / "macros", folder / "macros")
        shutil.copy(Path(snowflake["DBT_PROFILES_DIR"] if snowflake else ROOT) / "profiles.yml", folder)
        shutil.copytree(ROOT / "seeds", folder / "seeds")
        for part in parts:
            shutil.copytree(ROOT / "models" / part, folder / "models" / part)
        shutil.copy(ROOT / "models" / "groups.yml", folder / "models")
        settings = yaml.safe_load((ROOT / "dbt_project.yml").read_text(encoding="utf-8"))
        settings["model-paths"] = ["models"]
        settings["models"]["weft"] = {part: settings["models"]["weft"][part] for part in parts}
        (folder / "dbt_project.yml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
        (folder / "models" / "input").mkdir()
        for name, columns in TABLES.items():
            read = columns.replace("properties", "{{ json_parse('properties') }} as properties")
            (folder / "models" / "input" / f"{name}.sql").write_text(
                f"select {read} from raw.{name}\n", encoding="utf-8"
            )

    def rules(self, changes: Mapping[tuple[str, str], tuple[str, str, int | None]]) -> None:
        """Change reference data: regime and purpose, to default status, legal basis, and days that a yes holds."""
        file = self.folder / "seeds" / "consent_rules.csv"
        with file.open(encoding="utf-8", newline="") as lines:
            rules = {(row["regime"], row["purpose"]): row for row in csv.DictReader(lines)}
        for (regime, purpose), (status, basis, days) in changes.items():
            rules[regime, purpose] = {
                "regime": regime,
                "purpose": purpose,
                "default_status": status,
                "legal_basis": basis,
                "valid_days": "" if days is None else str(days),
                "because": "a test",
            }
        with file.open("w", encoding="utf-8", newline="") as lines:
            writer = csv.DictWriter(lines, next(iter(rules.values())))
            writer.writeheader()
            writer.writerows(rules.values())

    def write(self, tables: Mapping[str, list[dict[str, Any]]]) -> None:
        """Replace what the sources say; columns that a row leaves out are null."""
        statements = ["create schema if not exists raw"]
        for name, listed in TABLES.items():
            columns = listed.split(", ")
            typed = ", ".join(f"{column} {_type(column)}" for column in columns)
            statements.append(f"create or replace table raw.{name} ({typed})")
            if rows := tables.get(name):
                values = ", ".join(f"({', '.join(_literal(row.get(column)) for column in columns)})" for row in rows)
                statements.append(f"insert into raw.{name} values {values}")
        self.project.execute(*statements)

    def build(self, as_of: str, *arguments: str) -> str:
        """Run dbt at a moment and return what it printed."""
        return self.project.dbt(*arguments, environment={"WEFT_AS_OF": as_of}).stdout


def _type(column: str) -> str:
    return "timestamp" if column.endswith("_at") else TYPES.get(column, "varchar")


def _literal(value: object) -> str:
    return "null" if value is None else "'" + str(value).replace("'", "''") + "'"
