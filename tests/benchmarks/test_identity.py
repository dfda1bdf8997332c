"""The identity benchmarks run from end to end on a graph of a few people, and what they say of it is right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from benchmarks.identity.graph import Graph, withdraw
from benchmarks.identity.statements import DAYS, measure
from benchmarks.identity.truth import PROTECTIONS, judge
from benchmarks.identity.truth_sets import DataSet, Rules, snowplow
from tests.conftest import ROOT


def bench(*arguments: object) -> None:
    command = [sys.executable, "-W", "ignore", "-m", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_a_full_build_is_measured_beside_every_other_way_which_all_agree(tmp_path: Path) -> None:
    bench(
        "benchmarks.identity.run", "--edges", 300, "--repeats", 1, "--steps",
        "--within", tmp_path, "--results", tmp_path,
    )  # fmt: skip

    [size] = json.loads((tmp_path / "identity.json").read_text())["sizes"].values()
    steps = size["steps"]
    assert steps["full"]["edges"] > steps["full"]["active"] > 200  # the till links nobody
    assert steps["full"]["rounds"]["identity_moves"][0] > 0
    assert (steps["full"]["stitching"] > 0, steps["full"]["peak_mib"] > 50) == (True, True)
    assert {how: took["differ"] for how, took in size["competitors"].items()} == dict.fromkeys(size["competitors"], 0)
    assert len(size["competitors"]) == 6
    assert "300 edges" in (tmp_path / "identity.md").read_text()


def test_days_add_links_to_a_graph_and_a_withdrawal_takes_them_from_all_of_it(tmp_path: Path) -> None:
    graph = Graph(2000)
    graph.write(tmp_path)
    first = names(tmp_path)
    after = graph.add(tmp_path, 1, 0.1, graph.people)
    second = names(tmp_path)
    withdraw(tmp_path, 10)
    third = names(tmp_path)

    assert 1800 < len(first) < 2600
    assert graph.people < after < 1.1 * graph.people
    assert 150 < len(second) - len(first) < 250
    assert first < second > third
    assert 0.85 < len(third) / len(second) < 0.95
    assert not first <= third


def names(raw: Path) -> set[str]:
    """The records of a folder; every one of them names two different identifiers."""
    with duckdb.connect() as connection:
        found = connection.execute(
            f"select record_id, count(*), count(distinct identifier_value) from '{raw}/*.parquet' group by record_id"
        ).fetchall()
    assert {(mentions, identifiers) for _, mentions, identifiers in found} == {(2, 2)}
    return {record for record, _, _ in found}


@pytest.mark.long
def test_snowflake_is_sent_one_round_of_two_statements_and_makes_the_same_map(tmp_path: Path) -> None:
    found = measure(300, tmp_path, DAYS[:1])

    full = found["builds"]["full"]
    assert (full["rows"] > 200, full["differing"]) == (True, 0)
    assert full["statements"]["identity_moves"] > 2 * full["rounds"]["identity_moves"][0] > 0
    assert [text.split()[:2] for text in found["round"]] == [["insert", "into"]] * 2


def events(*rows: tuple[str, str, str, str]) -> str:
    header = "event_id,user_id,domain_userid,network_userid,collector_tstamp"
    return "\n".join([header, *(",".join((*row, "2026-01-01 00:00:00")) for row in rows)])


@pytest.mark.long
def test_pairs_of_records_are_counted_with_and_without_protection(tmp_path: Path) -> None:
    # The user id of the events whose id ends in an even number is known, that of the others is not.
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "snowplow_web_events.csv").write_text(
        events(
            ("a0", "ann", "cookie-1", "net-1"),
            ("a1", "ann", "cookie-1", "net-2"),  # found by her cookie
            ("b0", "bob", "cookie-2", "unknown"),
            ("c0", "cem", "cookie-3", "unknown"),  # the word joins Bob and Cem, unless it is blocked
            ("d0", "dan", "cookie-4", "shared"),
            ("e0", "eva", "cookie-5", "shared"),  # the office joins Dan and Eva, unless two users make it shared
            ("e1", "eva", "cookie-6", "net-6"),  # nothing says that this is Eva
        )
    )
    data = snowplow(tmp_path, tmp_path)

    nothing, all_rules = (line for line in judge(data, tmp_path, (PROTECTIONS[0], PROTECTIONS[2])))

    assert (nothing["records"], nothing["persons"]) == (7, 5)
    assert (nothing["precision"], nothing["recall"]) == (1 / 3, 1 / 2)  # right: a0 a1; wrong: b0 c0, d0 e0
    assert (all_rules["precision"], all_rules["recall"]) == (1, 1 / 2)
    assert (nothing["blocked"], all_rules["blocked"], all_rules["shared"]) == (0, 1, 4)


def test_a_protection_leaves_out_of_the_rules_what_it_does_not_do() -> None:
    rules: Rules = {
        "email": {"priority": 30, "degree_limit": 9, "shared_above": {"user_id": 1}, "limit": 7},
        "default": {"priority": 50, "degree_limit": 9},
    }
    data = DataSet("set", "", "", {}, rules, {"email": 5, "phone": 2})
    none, blocks, shared, all_of_it, limits = (each.rules(data) for each in PROTECTIONS)

    bare = {"email": {"priority": 30, "degree_limit": None}, "default": {"priority": 50, "degree_limit": None}}
    assert none == blocks == bare
    assert shared["email"] == {"priority": 30, "degree_limit": 9, "shared_above": {"user_id": 1}}
    assert all_of_it["email"] == {**shared["email"], "limit": 5}
    assert limits == {
        "email": {**bare["email"], "limit": 5},
        "phone": {**bare["default"], "limit": 2},
        "default": bare["default"],
    }
