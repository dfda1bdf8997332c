"""On Snowflake every statement costs a round trip, whatever it reads: solving takes few, and says what DuckDB says."""

from __future__ import annotations

import random
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from .greedy import Edge
from .solved import Solver, rules
from .test_limits import LIMITS, PRIORITIES, Graph, check, small_graphs, whole

START = datetime(2026, 1, 1)
# The emulator runs in this process and uses a call that DuckDB advises against.
pytestmark = pytest.mark.filterwarnings("ignore:Arrow output")


def statements(solver: Solver, model: str) -> list[str]:
    """The statements that a model of the last run sent, in order, without what dbt asks for itself."""
    log = (solver.project.folder / "logs" / "dbt.log").read_text()
    mark = f"On model.weft.{model}: "
    sent = re.split(r"\n(?=\S*\d\d:\d\d:\d\d\.\d+ \[)", log)
    return [line.split(mark, 1)[1] for line in sent if mark in line]


def people_of_a_thousand(dice: random.Random) -> Graph:
    """A thousand nodes in trees of up to eight."""
    types = {node: dice.choice(["email", "phone", "device"]) for node in range(1, 1001)}
    edges = [
        Edge(dice.randrange(first, node), node, START + timedelta(minutes=node))
        for first in range(1, 1001, 8)
        for node in range(first + 1, min(first + 8, 1001))
    ]
    return types, edges


def test_solving_takes_two_statements_a_round_and_a_run_without_news_takes_one(
    snowflake: dict[str, str], tmp_path: Path
) -> None:
    solver = Solver(tmp_path, rules({}, PRIORITIES), snowflake)
    graph = people_of_a_thousand(random.Random(1))
    solver.write(*graph)
    solver.solve("--log-path", str(tmp_path / "logs"), "--log-level-file", "debug")
    check(solver, graph, {})
    sent = statements(solver, "identity_moves")
    pointers = [each for each in sent if re.match(r"insert into \S+__pointers\s", each)]
    contracted = [each for each in sent if re.match(r"insert into \S+__edges\s", each)]
    assert 1 <= len(pointers) == len(contracted) <= 5
    # Around them: what there is to do, the work tables and their end, the limits, and the model's own table.
    assert len(sent) - len(pointers) - len(contracted) <= 18

    (tmp_path / "logs" / "dbt.log").unlink()
    solver.solve("--log-path", str(tmp_path / "logs"), "--log-level-file", "debug")
    said = [each.split()[0] for each in statements(solver, "identity_moves")]
    assert said.count("select") == 2  # the rules of the last batch, and whether there is news
    assert len(said) <= 8


def test_snowflake_keeps_limits_and_excludes_as_the_definition_says(snowflake: dict[str, str], tmp_path: Path) -> None:
    solver = Solver(tmp_path, rules(LIMITS, PRIORITIES), snowflake)
    solver.variables["identity_repair_rows"] = 50
    types, pool = whole(small_graphs(random.Random(9), 120))
    for share in (0.7, 0.8):
        dice = random.Random(share)
        stated = [edge for edge in pool if dice.random() < share]
        solver.write(types, stated)
        solver.solve()
        check(solver, (types, stated))
