"""How right the people are, pair by pair of records.

    python -m benchmarks.identity.truth --people 10000 --data FOLDER

Builds identity through dbt on data whose true people are known, each time from nothing: without any protection, with
the block list, with the rules for shared identifiers, and with limits per person. The demo is generated; the public
sets (Olist, Splink's fake_1000, Snowplow's sample) are read from the folder, or from the one that WEFT_PUBLIC_DATA
names, and are skipped, and said to be skipped, where they are not there. Adds itself to ``identity_truth.json`` in
``benchmarks/results`` and writes ``identity_truth.md`` there.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.identity import truth_sets
from benchmarks.identity.graph import show
from benchmarks.identity.store import RESULTS, Store, Stored, about, made
from benchmarks.identity.through_dbt import dbt
from benchmarks.identity.truth_sets import DataSet, Rules
from demo.score import score
from warehouse.duck import DuckWarehouse

_IDENTITY = "path:models/identity"
_QUIETLY = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
_PACKAGES = ("duckdb", "dbt-duckdb")
_BLOCKED = "weft_reference.blocked_identifiers"


@dataclass(frozen=True, slots=True)
class Protection:
    """What keeps strangers apart.

    Attributes:
        title: What it is called.
        blocks: Whether the block list is read.
        shared: Whether identifiers of too many neighbours are taken for shared.
        limits: Whether a person may have only so many identifiers of a type.
    """

    title: str
    blocks: bool = True
    shared: bool = True
    limits: bool = True

    def rules(self, data: DataSet) -> Rules:
        """Returns the rules of the data set without what this protection leaves out."""
        rules: dict[str, dict[str, Any]] = {}
        for kind, given in data.rules.items():
            rule = {
                name: value for name, value in given.items() if name not in ("limit", "degree_limit", "shared_above")
            }
            rule["degree_limit"] = given.get("degree_limit") if self.shared else None
            if self.shared and "shared_above" in given:
                rule["shared_above"] = given["shared_above"]
            if self.limits and kind in data.limits:
                rule["limit"] = data.limits[kind]
            rules[kind] = rule
        for kind in data.limits.keys() - rules.keys() if self.limits else ():
            rules[kind] = {**rules["default"], "limit": data.limits[kind]}
        return rules


PROTECTIONS = (
    Protection("none", blocks=False, shared=False, limits=False),
    Protection("block list", shared=False, limits=False),
    Protection("block list, shared identifiers", limits=False),
    Protection("block list, shared identifiers, limits"),
    Protection("block list, limits", shared=False),
)


def judge(data: DataSet, home: Path, protections: tuple[Protection, ...] = PROTECTIONS) -> Iterator[dict[str, Any]]:
    """Builds a data set once for each protection and yields what each says of its people."""
    file = home / "warehouse.duckdb"
    if data.records:
        show(str(data.records), file)
    upstream = ("build", *_QUIETLY, "--select", f"+{_IDENTITY}", "--exclude", _IDENTITY)
    dbt(home, *upstream, variables=data.variables, environment=data.environment)
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"create table blocked_before as from {_BLOCKED}")
    for protection in protections:
        with duckdb.connect(str(file)) as connection:
            connection.execute("drop schema if exists weft_identity cascade")
            connection.execute(f"delete from {_BLOCKED}")
            if protection.blocks:
                connection.execute(f"insert into {_BLOCKED} from blocked_before")
        variables = {**data.variables, "identity_rules": protection.rules(data)}
        dbt(home, "run", "--select", _IDENTITY, variables=variables, environment=data.environment)
        yield {"protection": protection.title, **_score(data, file)}


def _score(data: DataSet, file: Path) -> dict[str, Any]:
    with DuckWarehouse(str(file), "weft") as warehouse:
        found = score(warehouse, "weft_staging.identifiers", "weft_identity.identity_map", data.truth, data.priority)
        [counts] = warehouse.query(
            """
            select
                (select count(distinct profile_id) from weft_identity.identity_map) as profiles,
                (
                    select coalesce(max(held), 0)
                    from (select count(*) as held from weft_identity.identity_map group by profile_id)
                ) as largest,
                (
                    select count(*) from weft_identity.identity_blocked
                ) as blocked,
                (select count(*) from weft_identity.identity_edges where inactive_reason like 'shared%') as shared
            """
        )
        refused = _refused(warehouse)
    return {**asdict(found), "f1": found.f1, **counts, "refused": refused}


def _refused(warehouse: DuckWarehouse) -> int | None:
    [known] = warehouse.query(
        "select count(*) as found from information_schema.tables where table_name = 'identity_refusals'"
    )
    if not known["found"]:
        return None
    [row] = warehouse.query("select count(*) as refused from weft_identity.identity_refusals")
    return int(row["refused"])


def page(stored: Stored) -> Iterator[str]:
    """Returns the lines of the page."""
    yield from (
        "# Identity against the truth",
        "",
        "Over all pairs of records that name an identifier: precision is the share of the pairs in a profile",
        "that truly are one person, recall the share of one person's pairs that were put into one profile. Every line",
        "is a build from nothing through dbt, with `--vars identity_rules` and the block list as the line says. No",
        "model reads the truth.",
        "",
    )
    for name, found in stored.get("sets", {}).items():
        yield from _set(name, found)


def _set(name: str, found: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"## {name}", "")
    if "skipped" in found:
        yield from (f"Skipped: {found['skipped']}.", "")
        return
    first = found["lines"][0]
    limits = ", ".join(f"{kind} {limit}" for kind, limit in found["limits"].items())
    yield from (
        made(found),
        f"{found['note']}",
        f"{first['records']:,} records of {first['persons']:,} persons. Limits, where they are on: {limits}.",
        "",
        "| protection | precision | recall | F1 | profiles | identifiers of the largest | identifiers blocked "
        "| edges switched off as shared | edges refused by a limit |",
        "|---|" + "---:|" * 8,
    )
    for line in found["lines"]:
        refused = "" if line["refused"] is None else f"{line['refused']:,}"
        yield (
            f"| {line['protection']} | {line['precision']:.2%} | {line['recall']:.2%} | {line['f1']:.4f} | "
            f"{line['profiles']:,} | {line['largest']:,} | {line['blocked']:,} | {line['shared']:,} | {refused} |"
        )
    yield ""


def main() -> None:
    """Judges what the command line names, and writes and prints the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, nargs="*", default=[10_000], help="sizes of the demo; none for no demo")
    parser.add_argument("--data", type=Path, help="the folder of the public data sets")
    parser.add_argument("--within", type=Path, help="where the files go that are being worked on")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder of the results")
    options = parser.parse_args()
    named = os.environ.get("WEFT_PUBLIC_DATA")
    data = options.data or (Path(named) if named else None)
    store = Store(options.results, "identity_truth", page)
    home = Path(tempfile.mkdtemp(prefix="weft-truth-", dir=options.within))
    command = "python -m benchmarks.identity.truth"
    try:
        for people in options.people:
            _keep(
                store,
                truth_sets.demo(people, home / f"demo_{people}"),
                about(f"{command} --people {people}", *_PACKAGES),
                home,
            )
        for name, found in truth_sets.public(data, home):
            if found:
                _keep(store, found, about(f"{command} --people --data FOLDER", *_PACKAGES), home)
            else:
                store.keep("sets", name, {"skipped": "its files are not in the folder that --data names"})
                print(f"{name}: skipped, its files are not there", file=sys.stderr)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(store.write())


def _keep(store: Store, data: DataSet, described: Mapping[str, str], home: Path) -> None:
    lines = []
    with tempfile.TemporaryDirectory(dir=home) as work:
        for line in judge(data, Path(work)):
            lines.append(line)
            print(f"{data.name}: {line['protection']}: {line['precision']:.2%} {line['recall']:.2%}", file=sys.stderr)
    store.keep("sets", data.name, {**described, "note": data.note, "limits": data.limits, "lines": lines})


if __name__ == "__main__":
    main()
