"""The commands that look at what a sync has done, and that change what it does next."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.server import Running
from tests.cli.conftest import Project

SYNC = "klaviyo_winback"


def refused(project: Project, account: Running) -> None:
    """Run with an address that the destination refuses, and mend nothing."""
    project.sql("update weft.sync_klaviyo__winback set email = 'bob' where first_name = 'Bob'")
    project.weft("run")


def calls(account: Running) -> int:
    return len(account.accounts["klaviyo"].calls)


def held_elsewhere(project: Project) -> None:
    """Write the lease of a run on another machine."""
    project.weft("run")
    now = datetime.now(UTC).replace(tzinfo=None)
    lease = f"'{SYNC}', 'klaviyo', '0.elsewhere.1', 'far-away', 4711, 'theirs', '{now}', '{now}'"
    project.sql(f"delete from weft_engine.sync_leases where sync_name = '{SYNC}'")
    project.sql(f"insert into weft_engine.sync_leases values ({lease})")


def test_a_row_that_was_refused_is_listed_released_and_sent_again(project: Project, account: Running) -> None:
    refused(project, account)

    (listed,) = project.weft("quarantine", "list", "--json").json
    assert (listed["sync"], listed["rows"]) == (SYNC, 1)
    assert listed["reason"]
    assert listed["since"].endswith("Z")
    assert project.weft("run", "--json").json[0]["sent"] == 0

    before = calls(account)
    released = project.weft("quarantine", "release", SYNC, "--code", listed["code"], "--json")
    assert released.json == {"sync": SYNC, "released": 1}
    assert calls(account) == before, "nothing is sent by it"
    assert project.weft("run", "--json").json[0]["refused"] == 1
    assert "1 row released" in project.weft("quarantine", "release", SYNC, "--all").err
    none = project.weft("quarantine", "release", SYNC, "--key", "nobody").err
    assert f"none fits; `weft quarantine list {SYNC}` shows" in none


def test_a_run_says_what_becomes_of_rows_that_were_not_taken(project: Project, account: Running) -> None:
    project.sql("update weft.sync_klaviyo__winback set email = 'bob@nowhere' where first_name = 'Bob'")

    run = project.weft("run")

    assert run.code == 0
    assert f"{SYNC}: 1 row refused: `weft ledger {SYNC} --outcome permanent` says why" in run.err
    assert "in doubt" not in run.err
    assert "nowhere" not in run.out + run.err
    assert project.weft("run").err == "", "nothing was sent, so there is nothing to say"


def test_keys_in_quarantine_are_hashed_unless_asked_for(project: Project, account: Running) -> None:
    project.sql("update weft.sync_klaviyo__winback set email = 'bob@nowhere' where first_name = 'Bob'")
    project.weft("run")

    hidden = project.weft("quarantine", "list", SYNC, "--rows", "5")
    shown = project.weft("quarantine", "list", SYNC, "--rows", "5", "--show-keys")

    assert [len(hidden.lines), len(shown.lines)] == [2, 2]
    assert "bob@nowhere" not in hidden.out + hidden.err
    assert shown.lines[1][2] == "bob@nowhere"


def test_a_retry_says_what_it_chose_and_the_next_run_sends_it(project: Project, account: Running) -> None:
    refused(project, account)
    before = calls(account)

    tried = project.weft("retry", SYNC, "--where", "outcome = 'permanent'", "--dry-run")
    assert tried.lines[1][1] == "permanent"
    assert "nothing was changed" in tried.err
    assert project.weft("plan", SYNC, "--json").json[0]["add"] == 0

    done = project.weft("retry", SYNC, "--where", "outcome = 'permanent' or row_key = 'ada@example.com'", "--json").json
    assert (done["rows"], done["written"], {group["outcome"] for group in done["chosen"]}) == (
        2,
        True,
        {"permanent", "applied"},
    )
    assert calls(account) == before
    (plan,) = project.weft("plan", SYNC, "--json").json
    assert plan["add"] + plan["change"] == 2


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("retry", SYNC, "--where", "outcome = (select 'hunter2')"), ("--where", "another query", "recorded_at")),
        (("retry", SYNC, "--where", "outcom = 'hunter2'"), ("did you mean outcome?",)),
        (("ledger", SYNC, "--where", "hunter2"), ("true or false",)),
        (("ledger", SYNC, "--since", "soon"), ("--since", "2026-07-01T12:00:00Z")),
        (("quarantine", "release", SYNC), ("--code, --key and --all",)),
        (("quarantine", "release", SYNC, "--all", "--code", "x"), ("--code, --key and --all",)),
        (("retry", "klaviyo_winbak", "--where", "true"), ("klaviyo_winback",)),
        (("adopt", "klaviyo_winbak"), ("klaviyo_winback",)),
        (("run", "--resync"), ("weft run SYNC --resync",)),
        (("drift", "klaviyo_winbak"), ("klaviyo_winback",)),
    ],
)
def test_a_wrong_call_is_one_message_and_changes_nothing(
    project: Project, account: Running, command: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    file = project.root / ".weft" / "warehouse.duckdb"
    before = file.read_bytes()

    answer = project.weft(*command)

    assert answer.code == 2
    assert answer.out == ""
    assert all(part in answer.err for part in expected), answer.err
    assert "hunter2" not in answer.err
    assert file.read_bytes() == before


def test_the_ledger_is_summed_up_and_filtered(project: Project, account: Running) -> None:
    refused(project, account)

    summed = project.weft("ledger", SYNC, "--summary", "--json", "--where", "outcome in ('applied', 'permanent')").json
    assert {(row["op"], row["outcome"], row["answers"]) for row in summed} == {
        ("add", "applied", 1),
        ("add", "permanent", 1),
    }
    code = next(row["code"] for row in summed if row["outcome"] == "permanent")
    assert [row["outcome"] for row in project.weft("ledger", SYNC, "--code", code, "--json").json] == ["permanent"]
    assert project.weft("ledger", SYNC, "--summary").lines[0] == [
        "op", "outcome", "code", "answers", "first_at", "last_at"
    ]  # fmt: skip
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert project.weft("ledger", SYNC, "--json", "--since", tomorrow).json == []
    assert len(project.weft("ledger", SYNC, "--json", "--since", "1h", "--outcome", "permanent").json) == 1


@pytest.mark.parametrize(
    "command",
    [
        ("run",),
        ("retry", SYNC, "--where", "true"),
        ("quarantine", "release", SYNC, "--all"),
    ],
)
def test_a_run_elsewhere_keeps_others_from_starting(
    project: Project, account: Running, command: tuple[str, ...]
) -> None:
    held_elsewhere(project)
    before = calls(account)

    answer = project.weft(*command)

    assert answer.code == 4, answer.err
    assert "run theirs, process 4711 on far-away" in answer.err
    assert "is free at" in answer.err
    assert calls(account) == before


def test_looking_is_possible_while_a_run_is_under_way(project: Project, account: Running) -> None:
    held_elsewhere(project)
    for command in (
        ("plan",),
        ("ledger", SYNC),
        ("quarantine", "list"),
        ("retry", SYNC, "--where", "true", "--dry-run"),
        ("drift",),
        ("syncs",),
    ):
        assert project.weft(*command).code == 0


def test_a_resync_sends_everything_again_and_removes_what_the_state_has_forgotten(
    project: Project, account: Running
) -> None:
    project.weft("run")
    project.sql("delete from weft_engine.sync_state where row_key = 'bob@example.com'")
    project.sql("delete from weft.sync_klaviyo__winback where first_name = 'Bob'")
    assert project.weft("run", SYNC, "--json").json[0]["sent"] == 0

    (report,) = project.weft("run", SYNC, "--resync", "--allow", "removals", "--json").json

    assert (report["planned"]["add"] + report["planned"]["change"], report["planned"]["remove"]) == (1, 1)
    assert {member["email"] for member in account.accounts["klaviyo"].members("WINBACK")} == {"ada@example.com"}
    assert project.weft("run", SYNC, "--json").json[0]["sent"] == 0


def test_before_the_first_run_there_is_nothing_to_see(project: Project, account: Running) -> None:
    assert project.weft("ledger", SYNC, "--summary", "--json").json == []
    assert project.weft("quarantine", "list", "--json").json == []
    assert project.weft("retry", SYNC, "--where", "true", "--json").json["rows"] == 0
    assert project.weft("quarantine", "release", SYNC, "--all", "--json").json["released"] == 0


@pytest.mark.parametrize(
    "command",
    [
        ("ledger", SYNC, "--summary"),
        ("quarantine", "list"),
        ("quarantine", "list", "--rows", "3"),
        ("retry", SYNC, "--where", "true", "--dry-run"),
        ("drift",),
    ],
)
def test_no_word_is_broken_on_a_narrow_terminal(
    project: Project, account: Running, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    refused(project, account)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")  # eighty columns, no colours

    out = project.weft(*command).out

    assert out
    assert max(len(line) for line in out.splitlines()) <= 80
