"""Limits and excludes take people apart exactly as if their edges were taken one at a time, best first."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from .greedy import Edge, Greedy
from .solved import MODELS, Solver, rules

START = datetime(2026, 1, 1)
PRIORITIES = {"user_id": 10, "email": 30, "phone": 30, "device": 90}
LIMITS = {"user_id": 1, "email": 2, "phone": 3}
Graph = tuple[dict[int, str], list[Edge]]


def small_graphs(dice: random.Random, how_many: int, first: int = 1) -> Iterator[Graph]:
    """Graphs of up to 12 nodes, numbered one after the other, with everything that may happen to them."""
    for number in range(how_many):
        size = dice.randrange(2, 13)
        nodes = list(range(first, first + size))
        first += size
        kinds = list(PRIORITIES) if number % 3 else ["user_id", "email"]
        types = {node: dice.choice(kinds) for node in nodes}
        edges: dict[tuple[int, int, str, str], Edge] = {}
        for _ in range(dice.randrange(1, 3 * size)):
            a, b = sorted(dice.sample(nodes, 2))
            rule = dice.choice(["same_record"] * 12 + ["probable"] * 3 + (["include", "exclude"] if number % 2 else []))
            source = "by hand" if rule in ("include", "exclude") else dice.choice(["shop", "till"])
            # Few moments, so that many are equal; and some that nobody knows.
            seen_at = START + timedelta(days=dice.randrange(4)) if dice.random() < 0.9 else None
            if rule in ("include", "exclude"):
                seen_at = START + timedelta(days=dice.randrange(6))
            weight = dice.choice((0.9, 0.95, 1)) if rule == "probable" else 1
            edges[a, b, rule, source] = Edge(a, b, seen_at, rule, source, weight)
        yield types, list(edges.values())


def whole(graphs: Iterator[Graph]) -> Graph:
    """Several graphs as one."""
    types: dict[int, str] = {}
    edges: list[Edge] = []
    for some_types, some_edges in graphs:
        types |= some_types
        edges += some_edges
    return types, edges


def greedy(graph: Graph, limits: dict[str, int] = LIMITS) -> Greedy:
    return Greedy(graph[0], PRIORITIES, limits)


@pytest.fixture
def solver(tmp_path: Path) -> Solver:
    return Solver(tmp_path, rules(LIMITS, PRIORITIES))


def check(solver: Solver, graph: Graph, limits: dict[str, int] = LIMITS) -> None:
    """Compares people and refusals with those of the definition, component by component."""
    said, refused = solver.people(), solver.refusals()
    by_definition = greedy(graph, limits)
    assert said == by_definition.people(graph[1])
    assert refused == by_definition.refusals(graph[1])


@pytest.mark.parametrize("rows", [10000, 3], ids=["by sets", "by hand"])
def test_thousands_of_random_graphs_equal_the_definition_refusals_included(solver: Solver, rows: int) -> None:
    graph = whole(small_graphs(random.Random(rows), 1500))
    solver.variables["identity_repair_rows"] = rows
    solver.write(*graph)
    solver.solve()
    check(solver, graph)
    assert {kind for *_, kind, _ in solver.refusals()} == {*LIMITS, "excluded", "included"}


def chain(nodes: range) -> list[Edge]:
    """A path whose edges come one after the other."""
    return [Edge(left, left + 1, START + timedelta(seconds=left)) for left in nodes[:-1]]


def hard_graphs() -> Graph:
    """What makes a round of sets join one pair only, or one node concern ten thousand others."""
    types: dict[int, str] = {}
    edges: list[Edge] = []

    def nodes(how_many: int, kind: str) -> range:
        made = range(len(types) + 1, len(types) + 1 + how_many)
        types.update(dict.fromkeys(made, kind))
        return made

    # A path of limited identifiers in the order of their ranks, and one that no limit reaches.
    edges += chain(nodes(3000, "email"))
    edges += chain(nodes(3000, "device"))
    # A person with 10,000 identifiers, who is two; and 10,000 e-mails on one device.
    (hub,) = nodes(1, "user_id")
    edges += [Edge(hub, leaf, START) for leaf in nodes(10000, "device")]
    (other,) = nodes(1, "user_id")
    edges.append(Edge(hub + 5, other, START + timedelta(days=1)))
    (device,) = nodes(1, "device")
    edges += [Edge(device, leaf, START + timedelta(seconds=leaf)) for leaf in nodes(10000, "email")]
    # Many paths at once.
    for _ in range(200):
        edges += chain(nodes(20, "phone"))
    return types, edges


def test_paths_stars_and_a_person_with_ten_thousand_identifiers_are_settled(solver: Solver) -> None:
    graph = hard_graphs()
    solver.write(*graph)
    solver.solve()
    check(solver, graph)


def test_a_history_equals_the_definition_every_day_and_a_full_refresh_changes_nothing(solver: Solver) -> None:
    dice = random.Random(4)
    types, pool = whole(small_graphs(dice, 800))
    stated = [edge for edge in pool if dice.random() < 0.6]
    for day in range(3):
        solver.write(types, stated)
        if day == 1:
            # Dies when its refusals are written and its labels are not; what it had read changes before the next run.
            solver.solve("--exclude", "identity_labels", "identity_aliases", "identity_batches")
            stated = [edge for edge in pool if dice.random() < 0.6]
            solver.write(types, stated)
        solver.solve()
        check(solver, (types, stated))
        check_changes(solver)
        stated = [edge for edge in stated if dice.random() < 0.9] + [edge for edge in pool if dice.random() < 0.1]
    stated = list(dict.fromkeys(stated))
    solver.write(types, stated)

    stricter = {"user_id": 1, "email": 1, "phone": 2}
    solver.variables["identity_rules"] = rules(stricter, PRIORITIES)
    solver.solve()
    check(solver, (types, stated), stricter)

    state = ("identity_labels", "identity_refusals", "identity_aliases", "identity_changes")
    before = [sorted(solver.project.execute(f"select * from weft_identity.{each}"), key=str) for each in state]
    solver.solve("--full-refresh")
    assert solver.project.execute("select count(*) from weft_identity.identity_moves") == [(0,)]
    assert before == [sorted(solver.project.execute(f"select * from weft_identity.{each}"), key=str) for each in state]


def check_changes(solver: Solver) -> None:
    """Every change of a batch has a cause, and every former profile id leads to where its oldest identifier is now."""
    execute = solver.project.execute
    assert execute("select count(*) from weft_identity.identity_changes where cause_a is null") == [(0,)]
    assert execute(
        "select count(*) from weft_identity.identity_changes as changes "
        "left join raw.edges on (cause_a, cause_b, cause_rule, cause_source) = (a, b, rule, source) "
        "where changes.batch = (select max(batch) from weft_identity.identity_changes) "
        "and (edges.a is null or (kind = 'merge') <> (cause_reason is null) "
        "or cause_reason = 'withdrawn' and edges.is_active or cause_reason = 'refused' and not edges.is_active)"
    ) == [(0,)]
    aliases = set(execute("select former_profile_id, profile_id from weft_identity.identity_aliases"))
    expected = execute(
        "select distinct profile_id_from, md5('weft:' || canonical_seq) from weft_identity.identity_changes "
        "inner join weft_identity.identity_labels on profile_id_from = md5('weft:' || node_seq) "
        "where kind = 'merge' and canonical_seq <> node_seq"
    )
    assert aliases == set(expected)


def kill_while_solving(solver: Solver, statements: int) -> None:
    """Runs the models, and kills dbt as soon as identity_moves has sent so many statements."""
    arguments = solver.project.arguments(
        *("--no-use-colors", "--log-level", "debug", "run", "--select", *MODELS), variables=solver.variables
    )
    with subprocess.Popen(
        [sys.executable, "-c", "from dbt.cli.main import cli; cli()", *arguments],
        env=solver.project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        assert running.stdout
        sent = 0
        for line in running.stdout:
            sent += "On model.weft.identity_moves:" in line
            if sent == statements:
                running.kill()
                return
    raise AssertionError(f"identity_moves was done after {sent} statements")


def test_killed_while_people_are_taken_apart_the_next_run_takes_them_apart(solver: Solver) -> None:
    dice = random.Random(30)
    first = whole(small_graphs(dice, 100))
    solver.write(*first)
    solver.solve()
    more = whole(small_graphs(dice, 100, first=len(first[0]) + 1))
    everything = first[0] | more[0], first[1] + more[1]
    solver.write(*everything)
    for statements in (12, 24, 36):
        kill_while_solving(solver, statements)
    solver.solve()
    check(solver, everything)
    assert not {table for table in solver.project.tables() if "__" in table}
