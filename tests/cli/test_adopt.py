"""Accounts that have members of their own, and counts that do not fit."""

from __future__ import annotations

import sys

import pytest

from sandbox.server import Running
from tests.cli.conftest import Project
from tests.cli.test_state import held_elsewhere

SYNC = "klaviyo_winback"
LIST = "WINBACK"


def test_an_account_with_members_is_adopted_and_then_in_step(project: Project, account: Running) -> None:
    project.weft("run")
    project.sql("delete from weft_engine.sync_state")  # as if the members had been there before the first run
    project.sql("delete from weft.sync_klaviyo__winback where first_name = 'Bob'")

    looked = project.weft("adopt", SYNC, "--json").json
    assert looked == {
        "sync": SYNC, "members": 2, "in_feed": 1, "held": 0, "unknown": 1, "adopted": 2, "nameless": 0, "missing": 0,
        "written": False,
    }  # fmt: skip
    assert project.sql("select count(*) from weft_engine.sync_state") == [(0,)]

    done = project.weft("adopt", SYNC, "--yes")
    assert "2 adopted; nothing was sent" in done.err
    assert "example.com" not in done.out + done.err
    (plan,) = project.weft("plan", SYNC, "--json").json
    assert (plan["remove"], plan["applied_rows"]) == (1, 2)
    project.weft("run", "--allow", "removals")
    emails = {member["email"] for member in account.accounts["klaviyo"].members(LIST)}
    assert emails == {"ada@example.com"}


def test_drift_is_told_and_ends_with_its_own_exit_code_where_it_is_too_far(project: Project, account: Running) -> None:
    project.weft("run")
    (line,) = project.weft("drift", "--json").json
    assert (line["there_low"], line["held_low"], line["difference"], line["is_outside"]) == (2, 2, 0, False)

    project.edit("models/mini.yml", "guards:", "drift: 0\n          guards:")
    assert project.weft("drift").code == 0
    project.sql("delete from weft_engine.sync_state where row_key = 'ada@example.com'")
    outside = project.weft("drift", SYNC)

    assert outside.code == 3
    assert outside.lines[1] == [SYNC, "2", "1", "1", "0 rows", "outside"]
    assert f"weft adopt {SYNC}" in outside.err
    assert "resync" not in outside.err, "it removes nobody who was never sent"

    project.weft("run")
    account.sandbox.store.execute("delete from members where member_id in (select member_id from members limit 1)")
    lost = project.weft("drift", SYNC)
    assert (lost.code, lost.lines[1][3]) == (3, "-1")
    assert f"`weft run {SYNC} --resync` sends everybody again" in lost.err


def test_a_run_elsewhere_keeps_an_account_from_being_adopted(project: Project, account: Running) -> None:
    held_elsewhere(project)
    before = project.sql("from weft_engine.sync_state order by all")
    assert project.weft("adopt", SYNC, "--yes").code == 4
    assert project.sql("from weft_engine.sync_state order by all") == before


def test_adoption_fits_a_narrow_terminal(project: Project, account: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")  # eighty columns, no colours
    out = project.weft("adopt", SYNC).out
    assert "to adopt" in out
    assert max(len(line) for line in out.splitlines()) <= 80
