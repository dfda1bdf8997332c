"""Killed anywhere, the next run ends where an undisturbed one would have."""

from __future__ import annotations

import random
import subprocess
import sys
from typing import Any

import pytest

from .conftest import IdentityProject
from .oracle import Oracle
from .test_histories import RULES, SHARED_ABOVE, World, mentions

#: In the order of a run. Each is killed once, when it starts: what came before it is written, it and the rest are not.
CHAIN = (
    *("identity_news", "identity_sighting_news", "identity_nodes", "identity_pair_news", "identity_edge_news"),
    *("identity_shared", "identity_edges", "identity_pairs", "identity_moves", "identity_changes", "identity_labels"),
    *("identity_blocked", "identity_map", "identity_scanned", "identity_batches"),
)
VARIABLES = {"identity_rules": RULES}
#: What a full refresh must not change. Batches are left out: they tell when, not what.
STATE = (
    "select a, b, rule, source, first_seen_at, last_seen_at, count_records, is_active, inactive_reason "
    "from weft_identity.identity_edges",
    "select node_seq, reason from weft_identity.identity_shared where reason is not null",
    "select * from weft_identity.identity_pairs",
    "select * from weft_identity.identity_blocked",
    "select * from weft_identity.identity_map",
    "select kind, bucket, fingerprint from weft_identity.identity_scanned where fingerprint is not null",
)


def kill_at(project: IdentityProject, model: str) -> None:
    """Runs a build and kills it as soon as it has started to build a model."""
    with subprocess.Popen(
        [
            *(sys.executable, "-c", "from dbt.cli.main import cli; cli()"),
            *project.arguments("--no-use-colors", "build", "--exclude-resource-type", "test", variables=VARIABLES),
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


def state(project: IdentityProject) -> list[list[tuple[Any, ...]]]:
    return [sorted(project.execute(each), key=repr) for each in STATE]


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_history_of_runs_that_were_all_killed_is_mended_by_the_next(project: IdentityProject) -> None:
    dice = random.Random(20260702)
    worlds = [World(f"w{number}", dice) for number in range(60)]
    oracle = Oracle(SHARED_ABOVE)

    def live() -> None:
        for world in worlds:
            world.step()
        project.write(mentions([record for world in worlds for record in world.records]))

    def number_as_they_were_seen() -> None:
        # A killed run may have registered what no record names any more: its numbers are given.
        rows = project.execute("select identifier_type, identifier_value, node_seq from weft_identity.identity_nodes")
        oracle.numbers.update({(kind, value): number for kind, value, number in rows})

    # The first two never came to an end, so all is read again; the others read what changed.
    for model in ("identity_moves", "identity_blocked"):
        live()
        kill_at(project, model)
    live()
    project.dbt("run", variables=VARIABLES)
    for model in CHAIN:
        live()
        kill_at(project, model)
    live()
    project.dbt("run", variables=VARIABLES)
    number_as_they_were_seen()
    assert project.people() == oracle.people([record for world in worlds for record in world.records])
    assert not {table for table in project.tables() if "__" in table}

    before = state(project)
    project.dbt("run", "--full-refresh", variables=VARIABLES)
    assert state(project) == before
    assert project.execute("select count(*) from weft_identity.identity_moves") == [(0,)]
