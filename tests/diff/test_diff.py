"""From a change in git to who enters, who leaves and what would be sent, on DuckDB, without a trace in production."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from diff import build
from sandbox.server import Running
from tests.cli.conftest import Project
from tests.diff.conftest import AS_OF, fingerprint, git, project_in, write


def left_over(root: Path) -> list[str]:
    return sorted(path.name for path in (root / ".weft" / "diff").glob("*"))


def by_name(found: list[dict[str, object]]) -> dict[str, dict[str, object]]:
    return {str(one["name"]): one for one in found}


def test_a_shallow_clone_tells_what_a_change_would_do_and_touches_nothing(
    origin: Path,
    sandbox: Running,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WEFT_AS_OF", AS_OF)
    monkeypatch.chdir(origin)
    ran = Project(origin, capsys, monkeypatch).weft("run")
    assert ran.code == 0, ran.err
    git(origin, "checkout", "--quiet", "-b", "feature")
    settings = origin / "dbt_project.yml"
    settings.write_text(settings.read_text().replace("least: 5", "least: 7"))
    (origin / "seeds" / "channels.csv").write_text("channel\nweb\nstore\nphone\n")
    write(
        origin,
        {
            "seg_readers": "-- A remark more.\nselect profile_id\nfrom {{ ref('profiles') }} where first_name = 'Ada'",
            "seg_first": "select profile_id from {{ ref('profile_traits') }} where orders < 2",
            "unread": "select 2 as one",
        },
    )
    git(origin, "add", "--all")
    git(origin, "commit", "--quiet", "--message", "Ask for more")
    git(origin, "checkout", "--quiet", "main")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--depth", "1", "--branch", "feature", f"file://{origin}", str(clone))
    shutil.copytree(origin / ".weft", clone / ".weft")
    before = fingerprint(clone)
    project = project_in(clone, capsys, monkeypatch)
    killed = clone / ".weft" / "diff" / "20260101t000000_00000000"
    killed.mkdir(parents=True)
    machine = build.__name__ and __import__("reverse_etl.place", fromlist=["Place"]).Place.here().machine
    (killed / "owner.json").write_text(json.dumps({"owner": f"x.{machine}.1", "pid": 2**22 - 1}))

    answer = project.weft("diff", "--json")

    assert answer.code == 0, answer.err
    told = answer.json
    assert fingerprint(clone) == before, "production was written to"
    assert left_over(clone) == [], "the scratch, or what a killed run left, is still there"
    assert told["as_of"].startswith(AS_OF)
    assert any("the tip of main" in remark for remark in told["remarks"])
    assert {one["model"]: one["why"] for one in told["changed"]} == {
        "channels": "seed",
        "seg_buyers": "SQL",
        "seg_first": "new",
        "unread": "SQL",
    }
    assert told["same"] == ["seg_readers"]
    assert told["left_out"] == {"unread": "no segment and no sync depends on it"}
    assert told["built"] == ["channels", "seg_buyers", "seg_first", "segment_history", "sync_klaviyo__winback"]
    segments = by_name(told["segments"])
    assert segments.keys() == {"buyers", "first"}
    buyers = segments["buyers"]
    assert [buyers[name] for name in ("before", "after", "enter", "leave", "stay")] == [100, 60, 0, 40, 60]
    orders = next(trait for trait in buyers["leavers"] if trait["name"] == "orders")  # type: ignore[attr-defined]
    assert (orders["movers"], orders["others"], orders["unit"]) == (5.5, 8.0, "mean")
    assert segments["first"]["status"] == "new"
    assert segments["first"]["enter"] == 40
    assert told["untouched"] == {"segments": 1, "syncs": 0}
    [sync] = told["syncs"]
    without, with_it = sync["before"], sync["after"]
    assert (without["add"], without["change"], without["remove"], without["api_calls"]) == (0, 0, 0, 0)
    assert (with_it["add"], with_it["change"], with_it["remove"]) == (0, 0, 40)
    assert with_it["api_calls"] >= 1
    assert with_it["feed_rows"] == 60
    assert with_it["applied_rows"] == 100
    assert sync["newly_stopped"] == []
    assert "example.com" not in answer.out + answer.err, "a person is named"


def test_what_leaves_too_much_ends_with_three_and_markdown_says_why(here: Project) -> None:
    write(
        here.root,
        {
            "seg_buyers": "select profile_id, 'x' as word from {{ ref('profile_traits') }} where orders > 90",
            "sync_klaviyo__winback": "select profile_id, email from {{ ref('profiles') }} where false",
        },
    )
    (here.root / "models" / "seg_readers.sql").unlink()
    answer = here.weft("diff", "--markdown", "--fail-over", "10%")
    assert answer.code == 3
    assert "buyers: 100 of 100 move" in answer.err
    assert "| buyers | 100 | 0 | 0 | 100 | 0 | 100.0% of it moves |" in answer.out
    assert "| readers | 180 | 0 | 0 | 180 | 0 | deleted |" in answer.out
    assert (
        "klaviyo\\_winback would be stopped: min\\_rows allows no fewer than 1 row, the plan has 0 rows." in answer.out
    )
    assert "Columns of sync\\_klaviyo\\_\\_winback: 2 removed (first\\_name, entered\\_at)." in answer.out
    assert left_over(here.root) == []


def test_an_error_in_a_changed_model_is_told_with_its_file(here: Project) -> None:
    before = fingerprint(here.root)
    write(here.root, {"seg_buyers": "select profile_id, no_such_column from {{ ref('profile_traits') }}"})
    answer = here.weft("diff")
    assert answer.code == 1
    assert "dbt could not build seg_buyers." in answer.err
    assert "models/seg_buyers.sql" in answer.err
    assert "no_such_column" in answer.err
    assert left_over(here.root) == []
    assert fingerprint(here.root) == before


def test_where_nothing_was_changed_nothing_is_built(here: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def must_not(*_: object) -> None:
        raise AssertionError("built something")

    monkeypatch.setattr(build, "build", must_not)
    write(here.root, {"seg_readers": "-- Why.\nselect profile_id from {{ ref('profiles') }} where first_name = 'Ada'"})
    answer = here.weft("diff")
    assert answer.code == 0, answer.err
    assert "nothing was changed that a model, a segment or a sync is made of" in answer.err
    assert "Edited, and comes out the same: seg_readers." in answer.err


def test_a_manifest_of_production_does_in_place_of_git(here: Project, tmp_path: Path) -> None:
    shutil.copy(here.root / "target" / "manifest.json", tmp_path)
    (here.root / "macros" / "as_of.sql").write_text((here.root / "macros" / "as_of.sql").read_text() + " ")
    write(here.root, {"seg_readers": "select profile_id from {{ ref('profiles') }} where orders > 8"})
    answer = here.weft("diff", "--state", str(tmp_path), "--json")
    assert answer.code == 0, answer.err
    assert [one["name"] for one in answer.json["segments"]] == ["readers"]
    assert [answer.json["segments"][0][name] for name in ("enter", "leave", "stay")] == [0, 160, 20]


def test_bad_input_is_one_message_and_touches_nothing(here: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments, said in (
        (("--base", "nowhere"), "'nowhere'"),
        (("--fail-over", "many"), "'many' is no share"),
        (("--as-of", "yesterday"), "not an ISO 8601 timestamp"),
        (("--base", "main", "--state", "x"), "one version"),
        (("--json", "--markdown"), "one form"),
        (("--state", "elsewhere.json"), "under its own name"),
    ):
        answer = here.weft("diff", *arguments)
        assert answer.code == 2, answer.err
        assert said in answer.err
    write(here.root, {"seg_readers": "select profile_id from {{ ref('nothing') }}"})
    answer = here.weft("diff")
    assert answer.code == 2
    assert "dbt could not compile the working tree." in answer.err
    assert "nothing" in answer.err
    assert left_over(here.root) == []
