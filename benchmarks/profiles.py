"""What a build of the profile, consent and segment models costs in full, and what it costs when some people have news.

Everything before these models is invented and in place (benchmarks.contracts); they are built by dbt as they are. Each
build is a process of its own, dbt's start-up included. The default traits are measured beside the same traits written
by hand as one DuckDB query on the same timeline, with the results compared.

    python -m benchmarks.profiles --people 1000000 --events 50000000
"""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import duckdb
import typer

from benchmarks.by_hand import differing, run_by_hand
from benchmarks.contracts import START, add_events, write
from benchmarks.identity.through_dbt import Build, dbt

_RESULTS = Path(__file__).parent / "results"
_SELECTED = ("path:models/profiles", "path:models/consent", "path:models/segments", "resource_type:seed")
_BUILD = ("build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test", "--select", *_SELECTED)
_TRAITS = ("profile_trait_values", "profile_traits")
#: The models that read and write only people with news.
_BY_PERSON = (
    *("profile_event_news", "profile_events", "profile_timelines", "profile_trait_news", "profile_trait_values"),
    *("profile_attributes", "profile_changes", "profile_statement_history"),
)
_NEWS = "+1 % events, of 1 % of the people"


@dataclass(frozen=True, slots=True)
class Step:
    """One build.

    Attributes:
        title: What had happened before it.
        build: What dbt did.
        events: How many people's events were news.
        traits: How many people's traits were.
    """

    title: str
    build: Build
    events: int
    traits: int

    def seconds(self, models: tuple[str, ...] | None = None) -> float:
        """Of these models, added up; of the whole process without any."""
        return self.build.seconds if models is None else sum(self.build.models.get(model, 0) for model in models)


def steps(home: Path, people: int, events: int) -> Iterator[Step]:
    """Builds in full, then after each of several things that happen."""
    warehouse = home / "warehouse.duckdb"
    write(warehouse, people, events)
    news, hour = events // 100, 3600
    yield _step(home, "everything, for the first time", START)
    yield _step(home, "nothing, an hour later", "2026-07-01 01:00:00")
    add_events(warehouse, people, events, news, until="2026-07-01 02:00:00", seconds=hour, every=100)
    yield _step(home, _NEWS, "2026-07-01 02:00:00")
    add_events(warehouse, people, events + news, news, until="2026-07-01 03:00:00", seconds=hour)
    yield _step(home, "+1 % events, of anybody", "2026-07-01 03:00:00")
    yield _step(home, "nothing, a day later", "2026-07-02 03:00:00")


def _step(home: Path, title: str, as_of: str) -> Step:
    build = _dbt(home, as_of, *_BUILD)
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        events, traits = (
            connection.execute(f"select count(*) from weft_profiles.{model}").fetchall()[0][0]
            for model in ("profile_event_news", "profile_trait_news")
        )
    return Step(title, build, events, traits)


def _dbt(home: Path, as_of: str, *arguments: str) -> Build:
    return dbt(home, *arguments, variables={"as_of": as_of}, environment={})


def report(taken: list[Step], by_hand: tuple[float, float], ours: Build, people: int, events: int) -> str:
    """The page of results."""
    full = taken[0]
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    lines = [
        "# Profiles, traits, consent and segments",
        "",
        f"`python -m benchmarks.profiles --people {people} --events {events}` on {time.strftime('%Y-%m-%d')}, "
        f"{machine}, DuckDB {duckdb.__version__}.",
        "",
        f"{people:,} people with {events:,} events of two years; the default models. Each build is a process of its "
        "own and its time includes dbt's start-up; the tables before these models are in place. Models by person read "
        "and write only who has news; all others are built anew each time. Two models run at a time, so models add up "
        "to more than the whole.",
        "",
        "| since the build before | people with other events | people with other traits | seconds "
        "| of the full build | models by person, seconds | of the full build | other models, seconds "
        "| peak memory, MiB |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for step in taken:
        by_person = step.seconds(_BY_PERSON)
        others = sum(step.build.models.values()) - by_person
        lines.append(
            f"| {step.title} | {step.events:,} | {step.traits:,} | {step.seconds():.1f} | "
            f"{step.seconds() / full.seconds():.3f} | {by_person:.1f} | {by_person / full.seconds(_BY_PERSON):.3f} | "
            f"{others:.1f} | {step.build.peak_mib:,.0f} |"
        )
    lines += ["", "Seconds of each model that ever takes more than a hundredth of the full build:", ""]
    lines += _models(taken, full.seconds() / 100)
    seconds, peak = by_hand
    made = sum(ours.models[model] for model in _TRAITS)
    lines += [
        "",
        "The default traits of everybody, and the same traits as one query that was written by hand:",
        "",
        "| | seconds | times the query by hand | peak memory, MiB |",
        "|---|---:|---:|---:|",
        f"| {' and '.join(_TRAITS)} | {made:.1f} | {made / seconds:.2f} | {ours.peak_mib:,.0f} |",
        f"| by hand | {seconds:.1f} | 1.00 | {peak:,.0f} |",
        "",
    ]
    return "\n".join(lines)


def _models(taken: list[Step], at_least: float) -> Iterator[str]:
    yield f"| model | {' | '.join(step.title for step in taken)} |"
    yield f"|---|{'---:|' * len(taken)}"
    longest = {
        model: max(step.build.models.get(model, 0) for step in taken) for step in taken for model in step.build.models
    }
    for model, seconds in sorted(longest.items(), key=lambda item: -item[1]):
        if seconds >= at_least:
            yield f"| {model} | {' | '.join(f'{step.build.models.get(model, 0):.1f}' for step in taken)} |"


def main(
    people: Annotated[int, typer.Option(help="How many people.")] = 20_000,
    events: Annotated[int, typer.Option(help="How many events they have in the beginning.")] = 1_000_000,
    within: Annotated[Path | None, typer.Option(help="A folder for the warehouse; a temporary one without it.")] = None,
    results: Annotated[Path, typer.Option(help="Where the page goes.")] = _RESULTS,
) -> None:
    """Measures the builds and the query by hand, prints the page and writes it."""
    with tempfile.TemporaryDirectory(dir=within) as folder:
        home = Path(folder)
        taken = []
        for step in steps(home, people, events):
            taken.append(step)
            print(f"{step.title}: {step.seconds():.1f} s, {step.events:,} and {step.traits:,} people", flush=True)
        ours = _dbt(home, "2026-07-02 03:00:00", "run", "--full-refresh", "--select", *_TRAITS)
        by_hand = run_by_hand(home / "warehouse.duckdb", "2026-07-02 03:00:00")
        if wrong := differing(home / "warehouse.duckdb"):
            raise SystemExit(f"the query by hand gives {wrong} other rows than profile_traits: compare the two first")
    page = report(taken, by_hand, ours, people, events)
    print(page)
    results.mkdir(parents=True, exist_ok=True)
    (results / "profiles.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
