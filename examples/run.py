"""Runs a worked example: ``python -m examples.run olist /path/to/the/files``, or ``make example NAME=olist DATA=…``.

It does what you would do with a pack of your own: name its folder in WEFT_PACKS and the data's in WEFT_RAW, build with
dbt, and run the sync. Everything that it makes is under .weft/examples/<name>, apart from the demo's.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import duckdb
import typer
import yaml
from rich.console import Console
from rich.table import Table

from examples.score import Score, score
from sandbox.server import start
from warehouse.errors import ConfigError, WeftError
from warehouse.project import dbt_executable

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"


@dataclass(frozen=True)
class Example:
    """One example and where its parts are.

    Attributes:
        name: The folder under ``examples/``.
        data: The folder with the public files.
        home: Where everything goes that the run makes.
        settings: The example's example.yml.
        variables: The example's vars.yml, with what the caller changed.
    """

    name: str
    data: Path
    home: Path
    settings: Mapping[str, Any]
    variables: Mapping[str, Any]

    @classmethod
    def open(cls, name: str, data: Path, changes: Mapping[str, Any], home: Path | None = None) -> Example:
        """Read an example's settings and make sure that its files are there.

        Raises:
            ConfigError: There is no such example, or a file is missing.
        """
        names = sorted(path.parent.name for path in EXAMPLES.glob("*/example.yml"))
        if name not in names:
            raise ConfigError(
                f"There is no example {name!r}.", where="examples/", fix=f"use one of: {', '.join(names)}"
            )
        settings = yaml.safe_load((EXAMPLES / name / "example.yml").read_text())
        missing = [file for file in settings["files"] if not (data / file).is_file()]
        if missing:
            raise ConfigError(
                f"Files of the example are missing: {', '.join(missing)}.",
                where=str(data),
                fix=f"give the folder with the public files; examples/{name}/README.md says where they come from",
            )
        variables = {**yaml.safe_load((EXAMPLES / name / "vars.yml").read_text()), **changes}
        return cls(name, data.resolve(), (home or ROOT / ".weft" / "examples" / name).resolve(), settings, variables)

    @property
    def warehouse(self) -> Path:
        """The DuckDB file."""
        return self.home / "warehouse.duckdb"

    def environment(self) -> dict[str, str]:
        """Return what tells dbt and weft to work on this example instead of on the demo."""
        return {
            **os.environ,
            "WEFT_TARGET": "duckdb",
            "WEFT_PACKS": f"examples/{self.name}/models",
            "WEFT_RAW": str(self.data),
            "WEFT_DUCKDB_PATH": str(self.warehouse),
            "WEFT_MANIFEST": str(self.home / "target" / "manifest.json"),
            "WEFT_AS_OF": str(self.variables["as_of"]),
        }

    def build(self) -> None:
        """Build the models of the project and of the example, without the demo's own feeds.

        Raises:
            WeftError: dbt failed; its last lines say why.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        command = [dbt_executable(), "--no-use-colors", "build", "--exclude", "path:models/syncs"]
        command += ["--vars", json.dumps(dict(self.variables))]
        command += ["--target-path", str(self.home / "target"), "--log-path", str(self.home / "logs")]
        done = subprocess.run(  # noqa: S603 (no shell)
            command, cwd=ROOT, env=self.environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            failed = [
                line for line in done.stdout.splitlines() if " ERROR " in line or " FAIL " in line or "Error" in line
            ]
            raise WeftError(
                "dbt could not build the example.",
                where="\n         ".join(failed[-6:]) or done.stderr[-300:],
                fix=f"read {self.home / 'logs' / 'dbt.log'}",
            )

    def deliver(self) -> dict[str, Any]:
        """Run the example's sync into a sandbox that keeps its state, and return the report.

        Raises:
            WeftError: The sync did not run to its end.
        """
        wanted = self.settings["list"]
        with start(state=self.home / "sandbox.sqlite", limit_scale=1.0) as sandbox:
            sandbox.accounts["klaviyo"].create_list(wanted["id"], wanted["name"])
            done = subprocess.run(  # noqa: S603 (no shell)
                [sys.executable, "-m", "weft", "run", self.settings["sync"], "--json"],
                cwd=ROOT,
                env={**self.environment(), **sandbox.environment()},
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise WeftError(
                    "The sync stopped.", where=done.stderr.strip()[-800:], fix="mend what it names and run again"
                )
            report: dict[str, Any] = json.loads(done.stdout)[0]
            return {**report, "members": sandbox.accounts["klaviyo"].lists[wanted["id"]]}

    def figures(self) -> dict[str, Any]:
        """Return what was measured: rows in, people out, segments and, where there is a truth, its score."""
        truth = self.settings.get("truth")
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            counts = {
                "events": "select count(*) from weft_profiles.profile_events",
                "identifiers": "select count(*) from weft_identity.identity_map",
                "people": "select count(*) from weft_profiles.profiles",
            }
            found: dict[str, Any] = {name: connection.execute(sql).fetchall()[0][0] for name, sql in counts.items()}
            segments = connection.execute(
                "select segment, count(*) from weft_segments.segment_memberships group by 1 order by 1"
            ).fetchall()
            found["segments"] = dict(segments)
            found["score"] = score(connection, self.data, truth) if truth else None
        found["rows"] = {file: _count_rows(self.data / file) for file in self.settings["files"]}
        return found


def _count_rows(path: Path) -> int:
    # a text field may hold line breaks: lines are not rows
    with path.open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.reader(file)) - 1


def main(
    name: Annotated[str, typer.Argument(help="olist or complete_journey.")],
    data: Annotated[Path, typer.Argument(help="The folder with the public files.")],
    change: Annotated[str, typer.Option("--vars", help="dbt variables to change, as YAML.")] = "{}",
    home: Annotated[Path | None, typer.Option(help="Where to work, instead of .weft/examples/<name>.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Build a worked example from public files, deliver its audience to a sandbox, and say what was measured."""
    console = Console(stderr=True)
    try:
        example = Example.open(name, data, yaml.safe_load(change) or {}, home)
        began = time.monotonic()
        console.print(f"building {name} with dbt …")
        example.build()
        built = time.monotonic()
        console.print(f"running the sync {example.settings['sync']} …")
        report = example.deliver()
        figures = {**example.figures(), "sync": report}
        figures["seconds"] = {"build": round(built - began, 1), "sync": round(time.monotonic() - built, 1)}
    except WeftError as error:
        console.print(f"[red]{error}[/red]", highlight=False)
        raise typer.Exit(error.exit_code) from error
    if as_json:
        shown = figures["score"]
        typer.echo(json.dumps({**figures, "score": shown.to_dict() if shown else None}, default=str, indent=2))
    else:
        _print(name, example, figures)


def _print(name: str, example: Example, figures: Mapping[str, Any]) -> None:
    report, result = figures["sync"], figures["score"]
    table = Table(title=name, show_header=False, title_justify="left")
    for file, rows in figures["rows"].items():
        table.add_row("rows in", file, f"{rows:,}")
    for what in ("events", "identifiers", "people"):
        table.add_row("out", what, f"{figures[what]:,}")
    for segment, people in figures["segments"].items():
        table.add_row("segment", segment, f"{people:,}")
    planned = report["planned"]
    table.add_row("sync", "planned", ", ".join(f"{op} {rows:,}" for op, rows in planned.items() if rows) or "nothing")
    for why, rows in report["blocked"].items():
        table.add_row("sync", f"kept back: {why}", f"{rows:,}")
    for what in ("sent", "applied", "refused", "members"):
        table.add_row("sync", "members of the list" if what == "members" else what, f"{report[what]:,}")
    if isinstance(result, Score):
        for what, shown in result.lines():
            table.add_row("persons", what, shown)
    table.add_row("seconds", "build / sync", "{build} / {sync}".format(**figures["seconds"]))
    Console().print(table)
    Console().print(f"warehouse: {example.warehouse}", highlight=False)


if __name__ == "__main__":
    typer.run(main)
