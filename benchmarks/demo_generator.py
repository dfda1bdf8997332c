"""How long the demo's generator takes, and how much memory it needs, by number of people.

``python benchmarks/demo_generator.py [PEOPLE ...]`` writes its results to ``benchmarks/results``. Each
size runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
SIZES = (10_000, 100_000, 1_000_000)


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of the generator.

    Attributes:
        people: How many people it was asked for.
        day: Which day.
        rows: Raw rows written.
        seconds: Wall time of the whole process.
        cpu_seconds: Processor time of all its threads; more telling where the machine is shared.
        peak_mib: Largest resident memory.
        written_mib: Size of the day's files.
    """

    people: int
    day: int
    rows: int
    seconds: float
    cpu_seconds: float
    peak_mib: float
    written_mib: float


def measure(people: int, day: int, out: Path) -> Measured:
    """Generates one day in a new process and returns what it took."""
    command = [sys.executable, "-m", "demo", "generate", "--people", str(people), "--day", str(day), "--out", str(out)]
    started = time.monotonic()
    process = os.posix_spawn(sys.executable, command, {**os.environ, "PYTHONPATH": str(ROOT)})
    _, status, usage = os.wait4(process, 0)
    seconds = time.monotonic() - started
    if status:
        raise SystemExit(f"generating {people:,} people failed")
    manifest = json.loads((out / f".manifest_day_{day:04d}.json").read_text(encoding="utf-8"))
    written = sum(path.stat().st_size for path in out.glob(f"*/*/day_{day:04d}.*"))
    return Measured(
        people=people,
        day=day,
        rows=sum(manifest["rows"].values()),
        seconds=round(seconds, 1),
        cpu_seconds=round(usage.ru_utime + usage.ru_stime, 1),
        peak_mib=round(usage.ru_maxrss / 1024),
        written_mib=round(written / 2**20, 1),
    )


def report(runs: list[Measured]) -> str:
    """The measurements as a Markdown table."""
    head = "| people | day | rows | seconds | CPU seconds | peak memory, MiB | files, MiB |\n" + "|---:" * 7 + "|"
    lines = [
        f"| {run.people:,} | {run.day} | {run.rows:,} | {run.seconds:,} | {run.cpu_seconds:,} | {run.peak_mib:,} |"
        f" {run.written_mib:,} |"
        for run in runs
    ]
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return "\n".join(
        (
            "# The demo's generator",
            "",
            f"`python benchmarks/demo_generator.py` on {time.strftime('%Y-%m-%d')}, {machine}.",
            "Seconds are wall time; where the machine was busy with other things, CPU seconds say more.",
            "",
            head,
            *lines,
            "",
        )
    )


def main(sizes: tuple[int, ...] = SIZES) -> None:
    """Measures every size, two days each, and writes the results."""
    runs = []
    for people in sizes:
        out = Path(tempfile.mkdtemp(prefix="weft-demo-"))
        try:
            for day in (1, 2):
                runs.append(measure(people, day, out))
                print(runs[-1], flush=True)
        finally:
            shutil.rmtree(out)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "demo_generator.json").write_text(
        json.dumps([asdict(run) for run in runs], indent=2) + "\n", encoding="utf-8"
    )
    (RESULTS / "demo_generator.md").write_text(report(runs), encoding="utf-8")


if __name__ == "__main__":
    main(tuple(int(argument.replace("_", "")) for argument in sys.argv[1:]) or SIZES)
