"""How the conformance suite exercises files: those of a folder."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance.case import Case, Stage, Values
from reverse_etl.destinations.files.settings import FilesSettings

#: Nothing is called over HTTP: these are names of files.
ADDRESSES: dict[str, set[str]] = {
    "destination": {"{}/{}", "{}/{}{}.json"},
    "formats": set(),
    "s3": set(),
    "settings": set(),
    "sftp": {"{}/{}", "{}/{}{}"},
    "stores": set(),
}

#: What takes files away that are somebody's.
HARMFUL = re.compile(r"rmtree|delete_object|rmdir")


def settings(stage: Stage) -> FilesSettings:
    return FilesSettings(url=str(stage.folder), format="ndjson")


def held(stage: Stage) -> Mapping[str, Values]:
    """What somebody has who applies the files of changes in the order of their names."""
    rows: dict[str, dict[str, str]] = {}
    for path in sorted((Path(stage.folder) / "people").glob("*.ndjson")):
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            if row.pop("_op") == "remove":
                rows.pop(row["customer_id"], None)
            else:
                rows[row["customer_id"]] = {name: str(value) for name, value in row.items() if value is not None}
    return rows


def held_whole(stage: Stage) -> Mapping[str, Values]:
    """What the last snapshot holds."""
    path = Path(stage.folder) / "people.ndjson"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
    return {row["customer_id"]: {name: str(value) for name, value in row.items() if value is not None} for row in rows}


def person(n: int) -> dict[str, Any]:
    return {
        "customer_id": f"c{n:06}",
        "email": f"person{n}@example.com",
        "name": f"Person {n}",
        "tier": ("gold", "tin")[n % 2],
        "orders": n,
    }


CASES: tuple[Case, ...] = (
    # What others wrote is in their files, so there is nothing that a policy could spare.
    Case("files", "delta", settings, person, held, target="people", filler="name", text="name"),
    Case("files", "snapshot", settings, person, held_whole, target="people", text="name"),
)
