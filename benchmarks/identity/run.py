"""How long does stitching take, through dbt, from records to the identity map?

Run from the project's root: ``python -m benchmarks.identity.run --people 250000``.

Invents people with 2 to 8 identifiers each (an account and devices, seven in ten as a star around the account, three
in ten as a chain) and ten shop terminals with thousands of accounts. Builds the project's own identity models on
them four times: in full, again without news, with 1 % more people, and with 0.1 % of the links withdrawn; then solves
the same graph with one recursive query (baseline.py). Prints the seconds that each model took, as dbt reports them,
with the peak memory of each process, and writes the same to ``benchmarks/results/identity.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parents[2]
PACK = Path("benchmarks/identity/pack")
VARIABLES = {"sources": {"bench": ["identifiers"]}}
RESULTS = ROOT / "benchmarks" / "results" / "identity.md"
MODELS = ("sightings", "nodes", "pairs", "shared", "edges", "moves", "changes", "labels", "map")

RECORDS = """
with people as (
    select person, 2 + hash(person) % 7 as identifiers, hash(person) % 10 < 7 as is_star
    from range({people}) as p(person)
),

links as (
    select person, link, case when is_star then 0 else link - 1 end as other
    from people, range(1, 8) as l(link)
    where link < identifiers and not ({withdrawn} and hash(person, link) % 1000 = 0)
),

ends as (
    select person, link, link as identifier from links
    union all
    select person, link, other as identifier from links
)

select
    'bench' as source,
    person || ':' || link as record_id,
    case when identifier = 0 then 'user_id' else 'anonymous_id' end as identifier_type,
    case when identifier = 0 then 'customer-' else 'device-' end || md5(person || '-' || identifier)
        as identifier_value,
    timestamp '2026-01-01' + interval 1 second * (hash(person, identifier) % 30000000) as observed_at
from ends
union all
select 'bench', 'till:' || person || terminal, kind, identifier, timestamp '2026-01-01'
from
    (select person, 't' || person % 10 as terminal from people where person % 20 = 0),
    lateral (
        select 'user_id' as kind, 'customer-' || md5(person || '-0') as identifier
        union all
        select 'anonymous_id', 'terminal-' || terminal
    )
"""


def write_records(raw: Path, people: int, withdrawn: bool) -> int:
    """Writes the records of the graph to the folder and returns how many identifiers they name in all."""
    with duckdb.connect() as connection:
        connection.execute(
            f"copy ({RECORDS.format(people=people, withdrawn=withdrawn)}) "
            f"to '{raw}/identifiers.parquet' (format parquet)"
        )
        row = connection.execute(f"select count(*) from '{raw}/identifiers.parquet'").fetchone()
    return int(row[0]) if row else 0


@dataclass(frozen=True, slots=True)
class Ran:
    """A finished process.

    Attributes:
        output: What it wrote to its standard output.
        peak_mib: Its largest resident memory.
    """

    output: str
    peak_mib: float


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> Ran:
    """Runs Python with the arguments from the project's root.

    Raises:
        RuntimeError: It failed; what it said is on the screen.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=environment, stdout=output)
        # Waited for by hand: it is the one way to learn what this child alone has used.
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments[:2])} exited with {process.returncode}:\n{text}")
    return Ran(text, used.ru_maxrss / 1024)


def build(home: Path) -> tuple[dict[str, float], float]:
    """Runs the identity models and returns the seconds that each took, and the peak memory in MiB."""
    environment = {
        **os.environ,
        "WEFT_TARGET": "duckdb",
        "WEFT_PACKS": str(PACK),
        "WEFT_RAW": str(home),
        "WEFT_DUCKDB_PATH": str(home / "bench.duckdb"),
    }
    arguments = [
        *("-c", "from dbt.cli.main import cli; cli()", "--quiet", "build", "--select", "+identity_map"),
        *("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"),
        *("--vars", json.dumps(VARIABLES), "--target-path", str(home / "target"), "--log-path", str(home / "logs")),
    ]
    peak = run(arguments, environment).peak_mib
    results = json.loads((home / "target" / "run_results.json").read_text())["results"]
    return {each["unique_id"].rsplit(".", 1)[-1]: each["execution_time"] for each in results}, peak


def solve_baseline(home: Path) -> tuple[dict[str, float], float]:
    """Solves what the last build left in one query; returns what it says of itself, and the peak memory in MiB."""
    ran = run(["-m", "benchmarks.identity.baseline", str(home / "bench.duckdb")], os.environ)
    return json.loads(ran.output), ran.peak_mib


def report(
    people: int,
    home: Path,
    columns: Mapping[str, tuple[Mapping[str, float], float]],
    baseline: Mapping[str, float],
    peak: float,
) -> str:
    """The results as Markdown."""
    with duckdb.connect(str(home / "bench.duckdb"), read_only=True) as connection:
        counts = connection.execute(
            "select (select count(*) from weft_identity.identity_nodes), count(*), count(*) filter (is_active), "
            "(select count(distinct profile_id) from weft_identity.identity_map) from weft_identity.identity_edges"
        ).fetchone()
    assert counts
    solving = columns["full"][0]["identity_moves"]
    lines = [
        "# Identity stitching",
        "",
        f"`python -m benchmarks.identity.run --people {people}` on {datetime.now(UTC):%Y-%m-%d}, "
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}, "
        f"DuckDB {duckdb.__version__}.",
        "Seconds are wall time, as dbt reports them; they grow where the machine is busy with other things.",
        "",
        "{:,} identifiers, {:,} edges of which {:,} active, {:,} profiles.".format(*counts),
        "",
        "| model |" + "".join(f" {title} |" for title in columns),
        "|---|" + "---:|" * len(columns),
    ]
    for model in MODELS:
        seconds = (timings[f"identity_{model}"] for timings, _ in columns.values())
        lines.append(f"| identity_{model} |" + "".join(f" {second:.2f} |" for second in seconds))
    total = (sum(timings[f"identity_{model}"] for model in MODELS) for timings, _ in columns.values())
    lines += [
        "| **all of them** |" + "".join(f" {second:.2f} |" for second in total),
        "| peak memory with dbt, MiB |" + "".join(f" {mib:,.0f} |" for _, mib in columns.values()),
        "",
        "The baseline solves the graph of the full build in one recursive query, without dbt "
        "(`benchmarks/identity/baseline.py`):",
        f"{baseline['seconds']:.2f} s and {peak:,.0f} MiB, which is {baseline['seconds'] / solving:.1f} times the "
        f"{solving:.2f} s of identity_moves.",
        f"{baseline['differences']:,} labels differ.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Runs the four builds and the baseline, prints the report and writes it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=250_000)
    people = parser.parse_args().people
    more = people + people // 100
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        columns = {}
        for title, now, withdrawn in (
            ("full", people, False),
            ("no news", people, False),
            ("+1 %", more, False),
            ("0.1 % withdrawn", more, True),
        ):
            mentions = write_records(home, now, withdrawn)
            print(f"{title}: {now:,} people, {mentions:,} identifiers named", file=sys.stderr)
            columns[title] = build(home)
            if len(columns) == 1:  # at once: the machine may be busier later
                baseline, peak = solve_baseline(home)
        text = report(people, home, columns, baseline, peak)
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
