"""Measures exact rules alone and with probable links on Splink's public ``fake_1000``, through dbt and ``weft``.

``python -m benchmarks.identity.probable --data FOLDER`` builds a project in a temporary folder, scores, links from
several thresholds on, and compares the clusters of ``identity_map`` with the truth. It writes
``benchmarks/results/identity_probable.md``.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
import yaml

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "identity_probable.md"
THRESHOLDS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
_PARTS = ("macros", "models/identity", "models/groups.yml", "profiles.yml", "seeds")
_UNION = {
    "identifiers": "source, record_id, identifier_type, identifier_value, observed_at",
    "events": "identifier_type, identifier_value, occurred_at",
    "traits": "source, identifier_type, identifier_value, trait, value, observed_at",
    "consents": "identifier_type, identifier_value, occurred_at",
    "erasures": "identifier_type, identifier_value, requested_at",
}
_TRAITS = {"first_name": "first_name", "last_name": "surname", "birth_date": "dob", "city": "city", "email": "email"}
# What an analyst would tie records by without a model: the e-mail, and the full name with the date of birth.
_EXACT = {"email": ("email",), "name_and_birth": ("first_name", "surname", "dob")}


@dataclass(frozen=True, slots=True)
class Quality:
    """Pairs of records, counted over the clusters.

    Attributes:
        right: Pairs that are one person and one cluster.
        found: Pairs of one cluster.
        true: Pairs of one person.
    """

    right: int
    found: int
    true: int

    @property
    def precision(self) -> float:
        """The share of the found pairs that are right."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """The share of the true pairs that were found."""
        return self.right / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return 2 * self.right / (self.found + self.true) if self.found + self.true else 1.0


def quality(records: Iterable[tuple[Hashable, Hashable]]) -> Quality:
    """Return the quality of clusters, given the true person and the cluster of every record."""
    labelled = list(records)
    return Quality(
        right=_pairs(Counter(labelled).values()),
        found=_pairs(Counter(cluster for _, cluster in labelled).values()),
        true=_pairs(Counter(person for person, _ in labelled).values()),
    )


def _pairs(sizes: Iterable[int]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes)


class Project:
    """The identity models of this checkout on a DuckDB file, with the records of one file as staging.

    Args:
        folder: An empty folder.
        records: The records, with ``unique_id`` and ``cluster``.
    """

    def __init__(self, folder: Path, records: Sequence[Mapping[str, str]]) -> None:
        self.folder = folder
        self._truth = {_key(record): record["cluster"] for record in records}
        for part in _PARTS:
            (folder / part).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copy(ROOT / part, folder / part)
        (folder / "models" / "staging").mkdir()
        for name in _UNION:
            (folder / "models" / "staging" / f"{name}.sql").write_text(f"select * from raw.{name}\n")
        project = yaml.safe_load((ROOT / "dbt_project.yml").read_text())
        project["models"]["weft"] = {part: project["models"]["weft"][part] for part in ("staging", "identity")}
        project["vars"]["identity_rules"] = {
            "record": {"priority": 1, "degree_limit": None},
            "default": {"priority": 50, "degree_limit": 1000},
        }
        self._project = project
        self.settings(enabled=False)
        self._load(records)

    def settings(self, **given: object) -> None:
        """Change ``identity_probable``."""
        self._project["vars"]["identity_probable"].update(given)
        (self.folder / "dbt_project.yml").write_text(yaml.safe_dump(self._project, sort_keys=False))

    def dbt(self) -> None:
        """Build the identity models."""
        command = [str(Path(sys.executable).with_name("dbt")), "--quiet", "build", "--project-dir", str(self.folder)]
        self._run([*command, "--profiles-dir", str(self.folder)])

    def weft(self, *arguments: str) -> dict[str, Any]:
        """Run ``weft identity`` and return its answer."""
        answer: dict[str, Any] = json.loads(self._run([sys.executable, "-m", "weft", "identity", *arguments, "--json"]))
        return answer

    def quality(self) -> Quality:
        """Return how good the people of identity_map are."""
        with duckdb.connect(str(self.folder / "warehouse.duckdb"), read_only=True) as connection:
            found = connection.execute(
                "select identifier_value, profile_id from weft_identity.identity_map where identifier_type = 'record'"
            ).fetchall()
        assert len(found) == len(self._truth), "every record has a profile"
        return quality((self._truth[record], profile) for record, profile in found)

    def _run(self, command: Sequence[str]) -> str:
        environment = {**os.environ, "WEFT_DUCKDB_PATH": str(self.folder / "warehouse.duckdb"), "PYTHONPATH": str(ROOT)}
        environment |= {"WEFT_TARGET": "duckdb", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=900
        )
        if done.returncode:
            raise RuntimeError(f"{command[1:3]} exited with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")
        return done.stdout

    def _load(self, records: Sequence[Mapping[str, str]]) -> None:
        identifiers = []
        traits = []
        for record in records:
            key = _key(record)
            identifiers.append(("fake", key, "record", key))
            for kind, columns in _EXACT.items():
                values = [record[column].strip().lower() for column in columns]
                if all(values):
                    identifiers.append(("fake", key, kind, " ".join(values)))
            traits += [
                ("fake", "record", key, trait, record[column]) for trait, column in _TRAITS.items() if record[column]
            ]
        with duckdb.connect(str(self.folder / "warehouse.duckdb")) as connection:
            connection.execute("create schema raw")
            for name, listed in _UNION.items():
                typed = [f"{one} {'timestamp' if one.endswith('_at') else 'varchar'}" for one in listed.split(", ")]
                connection.execute(f"create table raw.{name} ({', '.join(typed)})")
            moment = "timestamp '2026-01-01'"
            connection.executemany(f"insert into raw.identifiers values (?, ?, ?, ?, {moment})", identifiers)
            connection.executemany(f"insert into raw.traits values (?, ?, ?, ?, ?, {moment})", traits)


def _key(record: Mapping[str, str]) -> str:
    # A bare 0 would be taken for a missing value.
    return f"r{record['unique_id']}"


def measure(data: Path, folder: Path, thresholds: Sequence[float] = THRESHOLDS) -> dict[str, Any]:
    """Return the quality of exact rules alone, and with probable links from each threshold on."""
    with (data / "fake_1000.csv").open(encoding="utf-8", newline="") as file:
        records = list(csv.DictReader(file))
    project = Project(folder, records)
    project.dbt()
    exact = project.quality()
    project.settings(review_from=min(thresholds))
    scored = project.weft("score")
    found = {}
    for threshold in thresholds:
        project.settings(enabled=True, threshold=threshold)
        project.dbt()
        found[threshold] = project.quality()
    project.settings(enabled=False)
    project.dbt()
    assert project.quality() == exact, "switched off, the people are who they were"
    return {"records": len(records), "exact": exact, "probable": found, "scored": scored}


def written(figures: Mapping[str, Any]) -> str:
    """Return the figures as a page."""
    rows = [("exact rules alone", figures["exact"])]
    rows += [(f"with probable links from {threshold:g}", one) for threshold, one in figures["probable"].items()]
    lines = [
        f"| {name} | {one.precision:.3f} | {one.recall:.3f} | {one.f1:.3f} | {one.found - one.right} |"
        for name, one in rows
    ]
    compared = ", ".join(figures["scored"]["compared"])
    return f"""\
# Probable links on fake_1000

Splink's public `fake_1000`: {figures["records"]:,} invented records with typing errors and gaps, of which
{figures["exact"].true:,} pairs are one person's. Counted over all pairs of records that share a profile in
`identity_map`, so that what a chain of links puts together counts too.

| links | precision | recall | F1 | wrong pairs |
|---|---|---|---|---|
{chr(10).join(lines)}

Exact rules: the e-mail, and first name, last name and date of birth together. Probable links compare
{compared}, with the settings that come with weft but for the
threshold; nobody was asked about the grey zone. The truth is read by this measurement alone.

`python -m benchmarks.identity.probable`, through dbt on a DuckDB file, with splink {version("splink")} and duckdb
{version("duckdb")}.
"""


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with fake_1000.csv")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder:
        figures = measure(options.data, Path(folder) / "project")
    options.out.write_text(written(figures), encoding="utf-8")
    print(options.out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
