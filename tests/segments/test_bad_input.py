"""A segment that cannot be followed as it is written fails before anything is, with the file and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.segments.conftest import SEGMENT, Project
from warehouse.errors import ConfigError
from warehouse.manifest import Manifest

FOLDER = "models/segments"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("bad"), {"a": "{}", "b": "{}"})


@pytest.fixture(autouse=True)
def mended(project: Project) -> None:
    """Begin each test with two segments that are as they should be."""
    for file in (project.folder / FOLDER).glob("s*_[abc].*"):
        file.unlink()
    project.segment("a")
    project.segment("b")
    project.follow(["a", "b"])


def test_a_segment_that_the_list_leaves_out(project: Project) -> None:
    project.segment("c")
    said = project.refused()
    assert f"{FOLDER}/seg_c.sql is a segment that is not followed: add the line `- c` under vars: segments:" in said
    project.segment("c", "{followed: false}")
    project.build("2026-07-01", "--select", "+segment_members")


def test_a_segment_on_the_list_that_does_not_want_to_be(project: Project) -> None:
    project.segment("b", "{followed: false}")
    assert (
        f"vars: segments: in dbt_project.yml names b; remove one of the two ({FOLDER}/seg_b.yml)" in project.refused()
    )


def test_a_name_on_the_list_without_a_file(project: Project) -> None:
    project.follow(["a", "b", "c"])
    assert "depends on a node named 'seg_c' which was not found" in project.refused()


def test_a_segment_whose_people_nothing_tests(project: Project) -> None:
    project.segment("b", tests="[not_null]")
    assert f"add `data_tests: [not_null, unique]` to the column profile_id in {FOLDER}/seg_b.yml" in project.refused()


@pytest.mark.parametrize(
    ("meta", "key"),
    [
        ("{reentry: sometimes}", "meta.reentry is sometimes"),
        ("{reentry: {cool_off: 30}}", "meta.reentry.cool_off is 30"),
        ("{reentry: {cool_off_days: -1}}", "meta.reentry.cool_off_days is -1"),
        ("{reentry: {allowed: false, cool_off_days: 3}}", "meta.reentry.cool_off_days is 3"),
    ],
)
def test_a_rule_of_reentry_that_means_nothing(project: Project, meta: str, key: str) -> None:
    project.segment("b", meta)
    said = project.refused()
    assert f"seg_b: {key}" in said
    assert f"({FOLDER}/seg_b.yml)" in said


def test_a_feed_that_would_send_whom_reentry_keeps_out(project: Project) -> None:
    project.segment("b", "{reentry: never}")
    feed = project.folder / FOLDER / "sync_b.sql"
    feed.write_text("select * from {{ ref('seg_b') }}")
    assert (
        f"{FOLDER}/sync_b.sql reads seg_b, which also holds people whom its meta.reentry keeps out" in project.refused()
    )
    feed.write_text("{{ members_of('b') }}")
    project.build("2026-07-01")
    feed.unlink()


@pytest.mark.parametrize("person", ["'p1'", "null"], ids=["twice", "nobody"])
def test_people_who_are_in_a_segment_twice_or_who_are_nobody(project: Project, person: str) -> None:
    project.build("2026-07-01")
    stays = project.execute("select * from weft_segments.segment_history")
    project.execute(f"insert into input.profile_traits values ('p1', 'b'), ({person}, 'b')")
    said = project.refused("run")
    assert f"{FOLDER}/seg_b.sql, column profile_id: " in said
    assert "the history was not written" in said
    assert project.execute("select * from weft_segments.segment_history") == stays
    project.execute("delete from input.profile_traits")


def test_segments_that_build_on_each_other_in_a_circle(project: Project) -> None:
    project.segment("a", sql="select profile_id from {{{{ ref('seg_b') }}}}")
    project.build("2026-07-01", "--select", "+seg_a")
    manifest = Path("target", "manifest.json")
    Manifest.load(project.folder / manifest)
    project.segment("b", sql="select profile_id from {{{{ ref('seg_a') }}}}")
    assert project.dbt("2026-07-01", "parse").returncode == 0, "dbt finds it only when it builds"
    with pytest.raises(ConfigError) as error:
        Manifest.load(project.folder / manifest)
    assert f"{FOLDER}/seg_a.sql" in error.value.where
    assert f"{FOLDER}/seg_b.sql" in error.value.where
    project.segment("b", sql=SEGMENT)
