"""``weft plan --out`` and ``weft apply``: what was looked at is what is sent."""

from __future__ import annotations

import json

from sandbox.server import Running
from tests.cli.conftest import Project

SYNC = "klaviyo_winback"


def test_a_sealed_plan_is_applied_once_and_then_no_more(project: Project, account: Running) -> None:
    answer = project.weft("plan", SYNC, "--out", "plan.json")
    assert "sealed in plan.json: `weft apply plan.json` sends it" in answer.err
    text = (project.root / "plan.json").read_text()
    assert "@" not in text
    assert json.loads(text)["counts"]["add"] == 2

    applied = project.weft("apply", "plan.json", "--json")
    assert (applied.code, [(run["sync"], run["applied"]) for run in applied.json]) == (0, [(SYNC, 2)])
    again = project.weft("apply", "plan.json")
    assert again.code == 3
    assert "add 2 is now 0" in again.err
    assert "weft plan klaviyo_winback --out FILE" in again.err


def test_a_feed_that_moved_on_is_not_sent(project: Project, account: Running) -> None:
    project.weft("plan", SYNC, "--out", "plan.json")
    project.sql("delete from weft.sync_klaviyo__winback where first_name = 'Bob'")
    answer = project.weft("apply", "plan.json")
    assert answer.code == 3
    assert "feed rows 3 is now 2" in answer.err
    assert project.sql("select count(*) from weft_engine.sync_ledger") == [(0,)]


def test_a_plan_of_another_project_or_of_all_syncs_is_refused(project: Project) -> None:
    project.weft("plan", SYNC, "--out", "plan.json")
    project.edit("models/mini.yml", f"name: {SYNC}", "name: klaviyo_others")
    foreign = project.weft("apply", "plan.json")
    assert (foreign.code, f"There is no sync called '{SYNC}'" in foreign.err) == (2, True)
    everything = project.weft("plan", "--out", "plan.json")
    assert (everything.code, "One file holds the plan of one sync" in everything.err) == (2, True)


def test_a_resync_is_planned_and_run_by_the_command_line(project: Project, account: Running) -> None:
    project.weft("run")
    assert [plan["add"] for plan in project.weft("plan", "--json").json] == [0]
    [plan] = project.weft("plan", SYNC, "--resync", "--json").json
    assert (plan["add"], plan["resync"], [row["reason"] for row in plan["rows"][:2]]) == (2, True, ["resync"] * 2)
    [run] = project.weft("run", SYNC, "--resync", "--json").json
    assert run["planned"]["add"] == 2
