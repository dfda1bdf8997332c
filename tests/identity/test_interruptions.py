"""Killed anywhere, the next run ends where an undisturbed one would have."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta

from .conftest import IdentityProject, Mention
from .oracle import Oracle, Record

START = datetime(2026, 1, 1)
PEOPLE = 1000


def chains(links: range) -> list[Record]:
    """People whose identifiers form chains."""
    return [
        Record(
            f"{person}-{link}",
            (("user_id", f"{person}-{link}"), ("user_id", f"{person}-{link + 1}")),
            START + timedelta(minutes=link),
        )
        for person in range(PEOPLE)
        for link in links
    ]


def mentions(records: list[Record]) -> list[Mention]:
    return [("shop", each.name, kind, value, each.seen_at) for each in records for kind, value in each.identifiers]


def kill_at(project: IdentityProject, model: str) -> None:
    """Runs a build and kills it as soon as it has started to build a model."""
    with subprocess.Popen(
        [
            *(sys.executable, "-c", "from dbt.cli.main import cli; cli()"),
            *project.arguments("--no-use-colors", "build", "--exclude-resource-type", "test"),
        ],
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        assert running.stdout
        for line in running.stdout:
            if " START " in line and f".{model} " in line:
                running.kill()
                return
    raise AssertionError(f"the build ended without starting {model}")


def test_killed_runs_are_mended_by_the_next(project: IdentityProject) -> None:
    oracle = Oracle({})
    first, second = chains(range(3)), chains(range(1, 5))
    project.write(mentions(first))
    kill_at(project, "identity_moves")
    project.dbt("run")
    assert project.people() == oracle.people(first)

    project.write(mentions(second))
    for model in ("identity_moves", "identity_labels"):
        kill_at(project, model)
    project.dbt("run")
    assert project.people() == oracle.people(second)
    # Everybody lost their oldest identifier, once, however often the run was tried.
    changes = project.execute("select kind, count(*) from weft_identity.identity_changes group by kind")
    assert changes == [("split", PEOPLE)]
    assert not {table for table in project.tables() if "__" in table}
