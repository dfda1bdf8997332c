"""Runs dbt in a process of its own and reads what it did from what dbt itself writes down."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_WEIGH = ROOT / "benchmarks" / "identity" / "weigh.py"
_ROUNDS = re.compile(r"\b(\d+) rounds?\b")
_BORDER = re.compile(r"^(/\*.*?\*/)?\s*(begin|commit|rollback)\b", re.IGNORECASE | re.DOTALL)
_DBT = ("-c", "from dbt.cli.main import cli; cli()", "--quiet", "--no-use-colors")


@dataclass(frozen=True, slots=True)
class Ran:
    """A finished process.

    Attributes:
        output: All that it wrote.
        seconds: How long it took.
        peak_mib: Its largest resident memory.
    """

    output: str
    seconds: float
    peak_mib: float


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> Ran:
    """Runs Python with the arguments from the project's root.

    Raises:
        RuntimeError: It failed; the message ends with what it said.
    """
    with tempfile.TemporaryDirectory() as folder:
        weighed, output = Path(folder, "weighed.json"), Path(folder, "output.txt")
        with output.open("wb") as into:
            subprocess.run(
                [sys.executable, "-S", str(_WEIGH), str(weighed), sys.executable, *arguments],
                cwd=ROOT,
                env=dict(environment),
                stdout=into,
                stderr=subprocess.STDOUT,
                check=True,
            )
        taken = json.loads(weighed.read_text(encoding="utf-8"))
        text = output.read_text(encoding="utf-8", errors="replace")
    if taken["code"]:
        raise RuntimeError(f"{' '.join(arguments[:2])} exited with {taken['code']}:\n{text[-3000:]}")
    return Ran(text, taken["seconds"], taken["peak_mib"])


def reason(error: RuntimeError) -> str:
    """The one line of a failed process that says most of why."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "Error" in line), lines[-1])[:300]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement that dbt sent to the warehouse."""

    model: str
    sql: str


@dataclass(frozen=True, slots=True)
class Build:
    """What one dbt command did.

    Attributes:
        models: Seconds of each model and seed, as dbt reports them.
        spans: When each began and ended.
        seconds: How long the whole process took.
        peak_mib: Its largest resident memory.
        statements: The statements of the models, in their order, without the borders of transactions.
        rounds: The rounds that each model's loops took, loop by loop, where it says so in dbt's log.
    """

    models: Mapping[str, float]
    spans: Mapping[str, tuple[datetime, datetime]]
    seconds: float
    peak_mib: float
    statements: Sequence[Statement] = ()
    rounds: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def busy(self, prefix: str = "identity_") -> float:
        """Seconds in which at least one of the models with the prefix ran; dbt's start-up is none of them."""
        counted = sorted(span for model, span in self.spans.items() if model.startswith(prefix))
        total, until = 0.0, None
        for begun, ended in counted:
            if until is None or begun > until:
                total += (ended - begun).total_seconds()
            elif ended > until:
                total += (ended - until).total_seconds()
            until = ended if until is None else max(until, ended)
        return total

    def count(self) -> Counter[str]:
        """How many statements each model sent."""
        return Counter(statement.model for statement in self.statements)


def dbt(
    home: Path,
    *arguments: str,
    variables: Mapping[str, object],
    environment: Mapping[str, str],
    profiles: Path = ROOT / "benchmarks" / "identity",
) -> Build:
    """Runs a dbt command on the project.

    Args:
        home: A folder for the warehouse, dbt's target and its log.
        *arguments: The command and what to select.
        variables: The project's variables that are different here.
        environment: What is set besides the process's own.
        profiles: The folder of profiles.yml.

    Raises:
        RuntimeError: dbt failed; its log is in the message.
    """
    logs = home / "logs"
    log = logs / "dbt.log"
    log.unlink(missing_ok=True)
    whole = {
        **os.environ,
        "WEFT_TARGET": "duckdb",
        "WEFT_DUCKDB_PATH": str(home / "warehouse.duckdb"),
        "DO_NOT_TRACK": "1",
        **environment,
    }
    whole.pop("PYTHONDONTWRITEBYTECODE", None)  # else every run compiles dbt again, which takes seconds
    paths = ("--target-path", str(home / "target"), "--log-path", str(logs), "--profiles-dir", str(profiles))
    kept = ("--log-format-file", "json", "--log-level-file", "debug", "--log-file-max-bytes", "0")
    given = ("--vars", json.dumps(dict(variables)))
    try:
        ran = run([*_DBT, *arguments, *paths, *kept, *given], whole)
    except RuntimeError as error:
        raise RuntimeError(f"{error}\n{chr(10).join(_complaints(log))}") from error
    models, spans = _results(home / "target" / "run_results.json")
    statements, rounds = _logged(log)
    return Build(models, spans, ran.seconds, ran.peak_mib, statements, rounds)


def _results(file: Path) -> tuple[dict[str, float], dict[str, tuple[datetime, datetime]]]:
    models, spans = {}, {}
    for result in json.loads(file.read_text(encoding="utf-8"))["results"]:
        name = result["unique_id"].split(".")[2]
        models[name] = float(result["execution_time"])
        moments = [
            datetime.fromisoformat(moment)
            for step in result["timing"]
            for moment in (step["started_at"], step["completed_at"])
            if moment
        ]
        if moments:
            spans[name] = (min(moments), max(moments))
    return models, spans


def _events(log: Path) -> Iterator[dict[str, Any]]:
    if log.exists():
        with log.open(encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("{"):
                    yield json.loads(line)


def _logged(log: Path) -> tuple[list[Statement], dict[str, list[int]]]:
    statements: list[Statement] = []
    rounds: dict[str, list[int]] = {}
    for event in _events(log):
        data, kind = event["data"], event["info"]["name"]
        model = (data.get("node_info") or {}).get("node_name", "")
        if kind == "SQLQuery" and model and not _BORDER.search(data["sql"]):
            statements.append(Statement(model, data["sql"]))
        elif kind.startswith("JinjaLog"):
            rounds_of = rounds.setdefault(model, [])
            rounds_of += [int(number) for number in _ROUNDS.findall(data["msg"])]
    return statements, {model: found for model, found in rounds.items() if found}


def _complaints(log: Path) -> list[str]:
    return [event["info"]["msg"] for event in _events(log) if event["info"]["level"] == "error"]
