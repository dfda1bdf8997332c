"""The statements that identity sends to Snowflake, and how many: ``python -m benchmarks.identity.statements``.

dbt-snowflake runs the project's own models against the emulator of the tests (``tests/snowflake/emulator.py``), once
in full and once with 1 % more links, for graphs of 1,000 and 1,000,000 identifiers; the statements are those that dbt
logged. The emulator's speed says nothing about Snowflake's, so no time is given. The same graph is built on DuckDB as
well, and the two identity maps are compared row by row, profile ids included. Adds itself to
``identity_snowflake.json`` in ``benchmarks/results`` and writes ``identity_snowflake.md`` there.
"""

from __future__ import annotations

import argparse
import logging
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.identity.graph import Graph, publish
from benchmarks.identity.measure import BUILD
from benchmarks.identity.store import RESULTS, Store, Stored, about, made
from benchmarks.identity.through_dbt import Build, Statement, dbt

_SOLVER = "identity_moves"
# dbt says in a comment which model sends a statement: before it on DuckDB, after it on Snowflake.
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_WRITES_POINTERS = re.compile(r"^\s*insert into \S*pointers", re.IGNORECASE)
#: A full build, and the next one with 1 % more links.
DAYS = ("full", "+1 %")


@dataclass(frozen=True, slots=True)
class Both:
    """The same records on the emulator and on DuckDB.

    Attributes:
        graph: What they describe.
        home: A folder for all that is made.
        snowflake: What points dbt at the emulator.
    """

    graph: Graph
    home: Path
    snowflake: Mapping[str, str]

    @property
    def database(self) -> str:
        """The emulator's database, of this graph alone: the emulator lives as long as the process."""
        return self.snowflake["SNOWFLAKE_DATABASE"]

    def builds(self, days: Sequence[str]) -> Iterator[tuple[str, Build, Build]]:
        """Builds both day after day; yields what Snowflake and DuckDB were sent."""
        raw = self.home / "raw"
        for title in days:
            if title == DAYS[0]:
                self.graph.write(raw)
            else:
                self.graph.add(raw, 1, 0.01, self.graph.people)
            _load(raw, self.database)
            publish(raw, self.home / "duckdb" / "warehouse.duckdb")
            yield title, self._build("snowflake", self.snowflake), self._build("duckdb", {})

    def _build(self, warehouse: str, environment: Mapping[str, str]) -> Build:
        home = self.home / warehouse
        variables = {"sources": {"bench": ["identifiers"]}, "identity_rules": self.graph.rules()}
        packs = {"WEFT_PACKS": "benchmarks/identity/pack"}
        return dbt(home, *BUILD, variables=variables, environment={**packs, **environment})

    def compare(self) -> tuple[int, int]:
        """How many rows the two identity maps have, and how many only one of them has."""
        from fakesnow.server import shared_fs

        columns = "identifier_type, identifier_value, profile_id, first_seen_at, last_seen_at"
        there = self.home / "there.parquet"
        with closing(shared_fs.duck_conn.cursor()) as emulator:
            emulator.execute(
                f"copy (select {columns} from {self.database}.weft_identity.identity_map) to '{there}' (format parquet)"
            )
        with duckdb.connect(str(self.home / "duckdb" / "warehouse.duckdb"), read_only=True) as connection:
            mine, theirs = f"select {columns} from weft_identity.identity_map", f"select {columns} from '{there}'"
            [(rows, differing)] = connection.execute(
                f"select (select count(*) from weft_identity.identity_map), "
                f"(select count(*) from ((({mine}) except ({theirs})) union all (({theirs}) except ({mine}))))"
            ).fetchall()
        return int(rows), int(differing)


def _load(raw: Path, database: str) -> None:
    """Copies the records into the emulator's own table, straight through the DuckDB behind it: no row is inserted."""
    from fakesnow.server import shared_fs

    with closing(shared_fs.duck_conn.cursor()) as emulator:
        emulator.execute(f'create schema if not exists {database}."RAW_BENCH"')
        columns = ("source", "record_id", "identifier_type", "identifier_value", "observed_at")
        listed = ", ".join(f'{column} as "{column.upper()}"' for column in columns)
        emulator.execute(
            f'create or replace table {database}."RAW_BENCH"."IDENTIFIERS" as select {listed} from \'{raw}/*.parquet\''
        )


def _create_database(there: Mapping[str, str]) -> None:
    """Connects once: the emulator makes the database that a connection names."""
    with warnings.catch_warnings(action="ignore"):  # the connector complains of a library that it brings itself
        from snowflake import connector
    connector.connect(
        account=there["SNOWFLAKE_ACCOUNT"],
        user=there["SNOWFLAKE_USER"],
        password=there["SNOWFLAKE_PASSWORD"],
        host=there["SNOWFLAKE_HOST"],
        port=int(there["SNOWFLAKE_PORT"]),
        database=there["SNOWFLAKE_DATABASE"],
        protocol="http",
        session_parameters={"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
    ).close()


def measure(nodes: int, within: Path | None, days: Sequence[str] = DAYS) -> dict[str, Any]:
    """Builds a graph of about so many identifiers on both, and returns the statements and how the maps compare."""
    # Imported here: who only wants the page's text needs no emulator.
    from tests.snowflake.emulator import snowflake_server

    logging.getLogger("fakesnow.server").setLevel(logging.WARNING)  # it tells of every log-in
    home = Path(tempfile.mkdtemp(prefix="weft-statements-", dir=within))
    found: dict[str, Any] = {"builds": {}}
    try:
        (home / "duckdb").mkdir()
        with snowflake_server() as server:
            there = {**server, "SNOWFLAKE_DATABASE": f"bench_{nodes}"}
            _create_database(there)
            both = Both(Graph(nodes), home, there)
            for title, sent_there, sent_here in both.builds(days):
                rows, differing = both.compare()
                print(f"{nodes:,} identifiers: {title}: {rows:,} rows, {differing:,} differ", file=sys.stderr)
                found["builds"][title] = {
                    "statements": _identity(sent_there),
                    "statements_duckdb": sum(_identity(sent_here).values()),
                    "rounds": {model: list(rounds) for model, rounds in sent_there.rounds.items()},
                    "rows": rows,
                    "differing": differing,
                }
                if title == DAYS[0]:
                    found["round"] = [_plain(each) for each in _one_round(sent_there.statements)]
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return found


def _identity(build: Build) -> dict[str, int]:
    return {model: count for model, count in build.count().items() if model.startswith("identity_")}


def _one_round(statements: Sequence[Statement]) -> list[Statement]:
    """The two statements of the first round: the one that writes pointers, and the one after it."""
    solving = [each for each in statements if each.model == _SOLVER]
    for number, each in enumerate(solving):
        if _WRITES_POINTERS.match(_COMMENT.sub("", each.sql).strip()):
            return solving[number : number + 2]
    raise RuntimeError(f"no statement of {_SOLVER} writes pointers")


def _plain(statement: Statement) -> str:
    text = _COMMENT.sub("", statement.sql).strip().rstrip(";")
    return re.sub(r"[ \t]*\n(\s*\n)*", "\n", text)


def page(stored: Stored) -> Iterator[str]:
    """Returns the lines of the page."""
    sizes = stored.get("sizes", {})
    yield from (
        "# Identity on Snowflake: the statements",
        "",
        "What dbt-snowflake sends, as dbt logged it, without the borders of transactions. It runs against a local",
        "emulator, whose speed says nothing about Snowflake's: no time is given. The first of two columns is a full",
        "build, the second the next build with 1 % more links.",
        "",
    )
    columns = [
        (f"{int(nodes):,}, {title}", build) for nodes, size in sizes.items() for title, build in size["builds"].items()
    ]
    if not columns:
        return
    yield from (made(size) for size in sizes.values())
    models = list(dict.fromkeys(model for _, build in columns for model in build["statements"]))
    yield from ("", "| statements, by identifiers |" + "".join(f" {title} |" for title, _ in columns))
    yield "|---|" + "---:|" * len(columns)
    for model in models:
        yield f"| {model} |" + "".join(f" {build['statements'].get(model, 0)} |" for _, build in columns)
    yield "| **in all** |" + "".join(f" {sum(build['statements'].values())} |" for _, build in columns)
    yield "| the same on DuckDB |" + "".join(f" {build['statements_duckdb']} |" for _, build in columns)
    rounds = (", ".join(str(each) for found in build["rounds"].values() for each in found) for _, build in columns)
    yield "| rounds, loop by loop |" + "".join(f" {each or 0} |" for each in rounds)
    yield "| rows of identity_map |" + "".join(f" {build['rows']:,} |" for _, build in columns)
    yield "| of them unlike DuckDB's, profile ids included |" + "".join(
        f" {build['differing']:,} |" for _, build in columns
    )
    yield from ("", "## One round", "", "The two statements of the first round, as they were sent:")
    for text in list(sizes.values())[-1]["round"]:
        yield from ("", "```sql", text, "```")
    yield ""


def main() -> None:
    """Measures what the command line names, and writes and prints the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1_000, 1_000_000], help="identifiers of the graphs")
    parser.add_argument("--within", type=Path, help="where the files go that are being worked on")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder of the results")
    options = parser.parse_args()
    store = Store(options.results, "identity_snowflake", page)
    for nodes in options.nodes:
        described = about(
            f"python -m benchmarks.identity.statements --nodes {nodes}",
            "dbt-snowflake",
            "fakesnow",
            "duckdb",
            "dbt-duckdb",
        )
        store.keep("sizes", str(nodes), {**described, **measure(nodes, options.within)})
    print(store.write())


if __name__ == "__main__":
    main()
