"""`weft identity` at the edge: what is asked, shown and written, who holds the profiles, and what is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.identity.command import Weft
from tests.identity.conftest import IdentityProject, Mention, new_project

NOON = datetime(2026, 1, 1, 12)
ADA, MAIL, EVE, LONE = "user_id:ada", "email:ada@x.example", "user_id:eve", "email:eve@x.example"


def record(name: str, *identifiers: str) -> list[Mention]:
    return [("shop", name, kind, value, NOON) for kind, _, value in (each.partition(":") for each in identifiers)]


RECORDS = [
    *record("1", ADA, MAIL),
    *record("2", EVE),
    *record("3", LONE),
    *record("4", "user_id:ida", "email:test@test.com"),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> IdentityProject:
    """Identity, one segment in which everybody is, and a sync that has sent one of them."""
    project = new_project(tmp_path_factory.mktemp("decisions") / "project")
    (project.folder / "models" / "segments").mkdir()
    (project.folder / "models" / "segments" / "segment_memberships.sql").write_text(
        "select distinct 'everybody' as segment, profile_id from {{ ref('identity_map') }}"
    )
    project.write(RECORDS)
    project.dbt("build")
    return project


@pytest.fixture
def weft(built: IdentityProject, tmp_path: Path) -> Weft:
    """The command line in a copy of the project."""
    shutil.copytree(built.folder, tmp_path / "project")
    return Weft(replace(built, folder=tmp_path / "project"))


def decisions(weft: Weft) -> list[tuple[Any, ...]]:
    return weft.project.execute(
        "select kind, type_a || ':' || value_a, type_b || ':' || value_b, because, decided_by, undone_by "
        "from weft_identity.identity_overrides order by decided_at"
    )


def test_a_decision_is_shown_asked_and_written_with_who_and_why(weft: Weft) -> None:
    refused = weft("identity", "exclude", ADA, MAIL, "--because", "not hers", answers="n\n")
    assert (refused.code, decisions(weft)) == (0, [])
    assert "nothing was written" in refused.err

    written = weft("identity", "exclude", ADA, MAIL, "--because", " not hers ", answers="y\n")
    assert "Write it?" in written.err
    assert "takes effect with the next `dbt build`" in written.err
    assert decisions(weft) == [("exclude", ADA, MAIL, "not hers", "lea", None)]
    assert ["email:ada@x.example", ADA, "refused", "excluded", ""] in [
        sorted(line[:2]) + line[2:] for line in written.lines
    ]


def test_without_a_terminal_nothing_is_asked_or_written_unless_told_so(weft: Weft) -> None:
    asked = weft("identity", "exclude", ADA, MAIL, "--because", "not hers")
    assert asked.code == 2
    assert "--yes" in asked.err
    assert weft("identity", "exclude", ADA, MAIL, "--because", "not hers", "--json", answers="y\n").code == 2
    for dry in ("--dry-run", "--preview"):
        assert weft("identity", "exclude", ADA, MAIL, "--because", "not hers", dry).code == 0
    assert decisions(weft) == []
    assert weft("identity", "exclude", ADA, MAIL, "--because", "not hers", "--yes").code == 0
    assert len(decisions(weft)) == 1


def test_the_preview_tells_which_profiles_come_go_and_stay_and_who_holds_them(weft: Weft) -> None:
    sync_state(weft, profile_of(weft, EVE))
    shown = weft("identity", "include", EVE, LONE, "--because", "she said so", "--dry-run", "--json").json

    eve, lone = profile_of(weft, EVE), profile_of(weft, LONE)
    fates = {
        each["profile_id"]: (each["fate"], each["identifiers_before"], each["identifiers"])
        for each in shown["profiles"]
    }
    assert sorted(fates.values()) == [("stays", 1, 2), ("vanishes", 1, 0)]
    assert {each["profile_id"] for each in shown["segments"]} == {eve, lone} == set(fates)
    assert [(each["sync_name"], each["profile_id"]) for each in shown["syncs"]] == [("mail", eve)]
    assert shown["written"] is False


def test_a_decision_is_undone_once_and_stays_on_record(weft: Weft) -> None:
    made = weft("identity", "include", EVE, LONE, "--because", "she said so", "--yes", "--json").json["decision"]
    assert [row[:3] for row in weft("identity", "overrides").lines[1:]] == [[made["override_id"], "include", EVE]]

    undone = weft("identity", "undo", made["override_id"], answers="y\n")
    assert (undone.code, decisions(weft)[0][-1]) == (0, "lea")
    assert weft("identity", "overrides").lines[1:] == []
    (kept,) = weft("identity", "overrides", "--all", "--json").json
    assert (kept["override_id"], kept["undone_by"]) == (made["override_id"], "lea")

    again, unknown = weft("identity", "undo", made["override_id"], "--yes"), weft("identity", "undo", "x", "--yes")
    assert (again.code, unknown.code) == (2, 2)
    assert "was undone" in again.err
    assert "no decision with that id" in unknown.err


def test_a_contradiction_names_the_decision_that_loses(weft: Weft) -> None:
    first = weft("identity", "exclude", EVE, LONE, "--because", "two sisters", "--yes", "--json").json["decision"]
    later = weft("identity", "include", EVE, LONE, "--because", "one after all", "--dry-run")
    assert f"contradiction: {first['override_id']} (exclude {EVE} {LONE}, by lea) has no effect" in later.err
    assert "the later one counts" in later.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("exclude", ADA, "user_id: ada"), "same identifier"),
        (("exclude", ADA, "user_id:nobody"), "Nobody has the second identifier"),
        (("include", "user_id:nobody", ADA), "Nobody has the first identifier"),
        (("include", ADA, "email:TEST@test.com"), "blocked (test address)"),
        (("include", ADA, "ada"), "TYPE:VALUE"),
        (("include", ADA, "email:ada"), "not a valid email"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(
    weft: Weft, arguments: tuple[str, ...], says: str
) -> None:
    answer = weft("identity", *arguments, "--because", "so", "--yes")
    assert (answer.code, decisions(weft)) == (2, [])
    assert says in answer.err
    # No message repeats what somebody may be known by.
    assert not [value for value in ("test@test.com", ":nobody", "'nobody'") if value in answer.err.lower()]


def test_a_decision_needs_its_reason_and_is_made_once(weft: Weft) -> None:
    assert weft("identity", "exclude", ADA, MAIL, "--yes").code == 2
    assert "needs its reason" in weft("identity", "exclude", ADA, MAIL, "--because", " ", "--yes").err
    assert weft("identity", "exclude", ADA, MAIL, "--because", "so", "--yes").code == 0
    again = weft("identity", "exclude", MAIL, ADA, "--because", "so", "--yes")
    assert again.code == 2
    assert "decided already" in again.err
    assert len(decisions(weft)) == 1


def test_an_identifier_that_comes_later_can_be_decided_about_in_advance(weft: Weft) -> None:
    made = weft("identity", "include", EVE, "user_id:later", "--because", "a new shop", "--unseen", "--yes", "--json")
    assert (made.json["moves"], made.json["written"]) == ([], True)
    weft.project.write([*RECORDS, *record("5", "user_id:later")])
    weft.project.dbt("run")
    people = weft.project.people()
    assert people["user_id", "eve"] == people["user_id", "later"]


def test_quotes_and_backslashes_in_a_reason_are_kept_as_they_are(weft: Weft) -> None:
    because = 'it\'s \\ "hers"; -- $1 ?'
    assert weft("identity", "exclude", ADA, MAIL, "--because", because, "--yes").code == 0
    assert decisions(weft)[0][3] == because


def test_before_the_first_build_it_says_so(weft: Weft) -> None:
    weft.project.execute("drop table weft_identity.identity_overrides")
    answer = weft("identity", "overrides")
    assert answer.code == 2
    assert "have not been built here yet" in answer.err
    assert "dbt build" in answer.err


def test_a_warehouse_that_another_process_holds_is_named(weft: Weft) -> None:
    path = weft.project.environment["WEFT_DUCKDB_PATH"]
    program = f"import duckdb, sys; c = duckdb.connect({path!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        answers = [weft("explain", ADA), weft("identity", "exclude", ADA, MAIL, "--because", "so", "--yes")]
        holder.communicate(b"")
    for answer in answers:
        assert answer.code == 2
        assert f"in use by process {holder.pid}" in answer.err


def test_the_file_is_free_while_the_question_is_open(weft: Weft, monkeypatch: pytest.MonkeyPatch) -> None:
    def confirm(text: str, **options: object) -> bool:
        with duckdb.connect(weft.project.environment["WEFT_DUCKDB_PATH"]) as connection:
            connection.execute("create table meanwhile (a integer)")
        return True

    monkeypatch.setattr("typer.confirm", confirm)
    assert weft("identity", "exclude", ADA, MAIL, "--because", "so", answers="y\n").code == 0
    assert len(decisions(weft)) == 1


def profile_of(weft: Weft, identifier: str) -> str:
    kind, _, value = identifier.partition(":")
    return weft.project.people()[kind, value]


def sync_state(weft: Weft, profile: str) -> None:
    from reverse_etl import tables
    from warehouse.profile import open_warehouse

    with open_warehouse(weft.project.folder, env={**os.environ, **weft.project.environment}) as warehouse:
        tables.ensure(warehouse)
        row = ("mail", "key", profile, "hash", NOON + timedelta(days=1))
        columns = ("sync_name", "row_key", "profile_id", "row_hash", "applied_at")
        warehouse.insert(tables.relations(warehouse)["sync_state"], columns, [row])
