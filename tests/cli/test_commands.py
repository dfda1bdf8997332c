"""The command line on a good project: what is shown, as tables' lines and as JSON, and what reaches the destination."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sandbox.server import Running
from tests.cli.conftest import Project

LIST = "WINBACK"


def test_syncs_are_listed_with_their_last_run(project: Project, account: Running) -> None:
    before = project.weft("syncs")
    project.weft("run")
    after = project.weft("syncs")

    assert before.lines[1][:7] == [
        "klaviyo_winback", "klaviyo list WINBACK", "mirror", "email", "email_marketing", "lifecycle@example.com", ""
    ]  # fmt: skip
    assert after.lines[1][7:] == ["done", "2", "0"]
    assert "no longer defined" not in before.err + after.err


def test_a_sync_that_was_deleted_is_told_of_while_its_destination_holds_rows(
    project: Project, account: Running
) -> None:
    project.weft("run")
    project.edit("models/mini.yml", "name: klaviyo_winback", "name: klaviyo_others")
    listed = project.weft("syncs")
    assert (listed.code, listed.lines[1][0]) == (0, "klaviyo_others")
    assert "klaviyo_winback: no longer defined, and its destination still holds 2 rows" in listed.err


def test_a_plan_counts_what_would_be_sent_and_sends_nothing(project: Project, account: Running) -> None:
    (plan,) = project.weft("plan", "klaviyo_winback", "--json").json

    assert (plan["add"], plan["change"], plan["remove"], plan["blocked"]) == (2, 0, 0, {"consent": 1})
    assert plan["api_calls"] > 0
    assert account.accounts["klaviyo"].calls == []


def test_a_run_delivers_who_consented_and_a_second_run_sends_nothing(project: Project, account: Running) -> None:
    (first,) = project.weft("run", "--json").json
    (second,) = project.weft("run", "--json").json

    emails = {member["email"] for member in account.accounts["klaviyo"].members(LIST)}
    assert emails == {"ada@example.com", "bob@example.com"}
    assert (first["sent"], first["applied"], second["sent"]) == (2, 2, 0)


def test_a_plan_names_the_columns_that_change_and_the_rows_that_go(project: Project, account: Running) -> None:
    project.weft("run")
    project.sql("update weft.sync_klaviyo__winback set first_name = 'Robert' where email = 'bob@example.com'")
    project.sql("delete from weft.sync_klaviyo__winback where email = 'ada@example.com'")

    (plan,) = project.weft("plan", "--json", "--rows", "9").json

    assert (plan["add"], plan["change"], plan["remove"]) == (0, 1, 1)
    assert plan["changed_columns"] == {"first_name": 1}
    assert [(row["op"], row["changed_columns"]) for row in plan["rows"][:2]] == [
        ("remove", []),
        ("change", ["first_name"]),
    ]


@pytest.mark.parametrize("command", [("plan", "--rows", "5"), ("ledger", "klaviyo_winback")])
def test_keys_are_hashed_unless_asked_for(project: Project, account: Running, command: tuple[str, ...]) -> None:
    if command[0] == "ledger":
        project.weft("run")

    hidden, shown = project.weft(*command), project.weft(*command, "--show-keys")

    assert "bob@example.com" not in hidden.out + hidden.err
    assert "bob@example.com" in shown.out


def test_the_ledger_says_what_became_of_each_row(project: Project, account: Running) -> None:
    project.weft("run")

    rows = project.weft("ledger", "klaviyo_winback", "--json", "--outcome", "applied").json

    assert {(row["op"], row["outcome"]) for row in rows} == {("add", "applied")}
    assert project.weft("ledger", "klaviyo_winback", "--json", "--outcome", "permanent").json == []


@pytest.mark.parametrize(
    ("identifier", "options"),
    [("email: ADA@Example.com ", ()), ("phone:030 1234567", ("--country", "de")), ("phone:+49 30 1234567", ())],
)
def test_a_person_is_found_by_an_identifier_however_it_is_written(
    project: Project, account: Running, identifier: str, options: tuple[str, ...]
) -> None:
    project.weft("run")

    found = project.weft("profile", identifier, "--json", *options).json

    assert found["profile"]["email"] == "ada@example.com"
    assert [(row["attribute"], row["source"], row["rule"]) for row in found["sources"]] == [
        ("first_name", "shop", "most_recent")
    ]
    assert {row["identifier_type"] for row in found["identifiers"]} == {"email", "phone"}
    assert [row["segment"] for row in found["segments"]] == ["win_back"]
    assert [(row["purpose"], row["status"]) for row in found["consents"]] == [("email_marketing", "granted")]
    assert [(row["sync_name"], row["is_held"]) for row in found["syncs"]] == [("klaviyo_winback", True)]


def test_a_guard_stops_a_run_with_nothing_sent_until_a_person_overrules_it(project: Project, account: Running) -> None:
    project.weft("run")
    project.sql("delete from weft.sync_klaviyo__winback")

    stopped = project.weft("run")
    held = account.accounts["klaviyo"].lists[LIST]
    allowed = project.weft("run", "--allow", "removals", "--allow", "rows")

    assert (stopped.code, held) == (3, 2)
    assert "max_removed" in stopped.err
    assert (allowed.code, account.accounts["klaviyo"].lists[LIST]) == (0, 0)


@pytest.mark.parametrize("command", [("syncs",), ("plan", "--rows", "2"), ("run",), ("ledger", "klaviyo_winback")])
def test_no_word_is_broken_on_a_terminal_of_eighty_columns(
    project: Project, account: Running, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    project.weft("run")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")  # eighty columns, no colours

    out = project.weft(*command).out

    assert "klaviyo_winback" in out
    assert any(word in out for word in ("lifecycle@example.com", "API calls", "applied"))
    assert max(len(line) for line in out.splitlines()) <= 80


def test_a_person_is_found_by_the_id_that_feeds_and_profiles_use(project: Project, account: Running) -> None:
    by_email = project.weft("profile", "email:ada@example.com", "--json").json

    for profile_id in (by_email["profile_id"], "former"):  # Ada's profile had another id before a merge
        assert project.weft("profile", f"profile_id:{profile_id}", "--json").json == by_email
    assert "Nobody has this profile_id." in project.weft("profile", "profile_id:1").err


def test_weft_starts_without_dagster_or_dbt(project: Project) -> None:
    code = (
        "import sys; sys.argv = ['weft', 'syncs']\n"
        "import weft.__main__ as command\n"
        "try: command.main()\n"
        "except SystemExit: pass\n"
        "print([name for name in ('dagster', 'dbt', 'snowflake.connector') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)

    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_a_profile_shows_the_source_and_the_time_of_each_attribute(project: Project, account: Running) -> None:
    lines = project.weft("profile", "email:ada@example.com").lines

    assert lines[0] == ["attribute", "value", "source", "observed_at"]
    assert ["first_name", "Ada", "shop", "2026-01-01 00:00:00"] in lines
