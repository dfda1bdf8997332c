"""Times identity stitching through dbt on a DuckDB file: ``python -m benchmarks.identity.run --edges 1000000``.

The steps are a full build, a run without news, three days that bring 0.01, 1 and 10 % more links, a withdrawal of 0.1 %
of the records, and a rule that limits accounts to one a person. The graph of the full build is then solved in other
ways (competitors.py), each in a process of its own. Every size adds itself to ``benchmarks/results/identity.json``;
``identity.md`` there is made of all that were measured.

``--memory 2GB`` runs the steps alone under a limit on DuckDB's memory. ``--shapes`` solves graphs that make a careless
loop slow or wrong (shapes.py).
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from benchmarks.identity import report, shapes
from benchmarks.identity.competitors import WAYS
from benchmarks.identity.graph import Graph
from benchmarks.identity.measure import FULL, STEPS, Pass, medians
from benchmarks.identity.store import RESULTS, Store, about
from benchmarks.identity.through_dbt import reason

_PACKAGES = ("duckdb", "dbt-duckdb", "splink", "scipy")
_MEDIAN_UP_TO = 1_000_000


def measure(
    edges: int,
    repeats: int,
    memory: str | None,
    within: Path | None,
    steps_wanted: Collection[str] = STEPS,
    ways_wanted: Collection[str] = tuple(WAYS),
    parts: int | None = None,
) -> dict[str, Any]:
    """Measures one size as often as asked, and returns the medians."""
    passes: list[dict[str, Any]] = []
    for number in range(1, repeats + 1):
        home = Path(tempfile.mkdtemp(prefix="weft-bench-", dir=within))
        steps: dict[str, Any] = {}
        competitors: dict[str, Any] = {}
        try:
            one = Pass(Graph(edges), home, memory, parts)
            for title, took in one.steps(steps_wanted):
                steps[title] = took
                _say(f"{edges:,} edges, pass {number}: {title}: {took['stitching']:.2f} s, {took['peak_mib']:,.0f} MiB")
                if title == FULL and not memory:  # at once: the machine may be busier later
                    for how, found in one.competitors(ways_wanted):
                        competitors[how] = found
                        _say(f"  {how}: {found.get('seconds', found.get('failed'))}")
            passes.append({"steps": steps, "competitors": competitors})
        except RuntimeError as error:
            if not memory:
                raise
            # That it does not finish within so little memory is a result as well.
            _say(str(error))
            return {"steps": steps, "competitors": {}, "failed": reason(error)}
        finally:
            shutil.rmtree(home, ignore_errors=True)
    return medians(passes)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Measures what the command line names, and writes and prints the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edges", type=int, nargs="+", default=[1_000_000], help="links of the first load")
    parser.add_argument("--repeats", type=int, help="passes; 3 up to a million edges, else 1")
    parser.add_argument("--steps", nargs="*", choices=STEPS, default=STEPS, help="what to run after the full build")
    parser.add_argument("--beside", nargs="*", choices=WAYS, default=tuple(WAYS), help="the other ways to solve it")
    parser.add_argument("--memory", help="a limit on DuckDB's memory, such as 2GB")
    parser.add_argument("--parts", type=int, help="the variable identity_parts")
    parser.add_argument("--shapes", type=int, nargs="?", const=1_000_000, metavar="NODES", help="solve hard shapes")
    parser.add_argument("--within", type=Path, help="where the files go that are being worked on")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder of identity.json and .md")
    options = parser.parse_args()
    store = Store(options.results, "identity", report.page)
    command = "python -m benchmarks.identity.run"
    if options.shapes:
        shaped = about(f"{command} --shapes {options.shapes}", *_PACKAGES)
        store.keep("shapes", str(options.shapes), {**shaped, **shapes.measure(options.shapes, options.within)})
    else:
        for edges in options.edges:
            repeats = options.repeats or (3 if edges <= _MEDIAN_UP_TO else 1)
            taken = measure(
                edges, repeats, options.memory, options.within, options.steps, options.beside, options.parts
            )
            limited = f" --memory {options.memory}" if options.memory else ""
            limited += f" --parts {options.parts}" if options.parts else ""
            chosen = "".join(
                f" --{name} {shlex.join(some)}"
                for name, some, every in (("steps", options.steps, STEPS), ("beside", options.beside, WAYS))
                if list(some) != list(every)
            )
            what = {"edges": edges, "repeats": repeats, "memory": options.memory, "parts": options.parts}
            made = about(f"{command} --edges {edges} --repeats {repeats}{limited}{chosen}", *_PACKAGES)
            store.keep("sizes", f"{edges}{limited}", {**made, **what, **taken})
    print(store.write())


if __name__ == "__main__":
    main()
