"""The commit to compare with: found, fetched where a clone is shallow, or asked for in one message."""

from __future__ import annotations

from pathlib import Path

import pytest

from diff.git import Repository
from tests.diff.conftest import git
from warehouse.errors import ConfigError


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """Main with two commits, and a branch that left it after the first."""
    root = tmp_path / "origin"
    (root / "project").mkdir(parents=True)
    git(root, "init", "--quiet", "--initial-branch", "main")
    commit(root, "one")
    git(root, "branch", "feature")
    commit(root, "two")
    git(root, "checkout", "--quiet", "feature")
    commit(root, "three")
    return root


def commit(root: Path, text: str) -> None:
    (root / "project" / "dbt_project.yml").write_text(text)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", text)


def clone(origin: Path, folder: Path, *options: str) -> Path:
    git(folder, "clone", "--quiet", *options, f"file://{origin}", "clone")
    return folder / "clone" / "project"


def version(repository: Repository, ref: str | None, folder: Path) -> str:
    return (repository.unpack(repository.base(ref).commit, folder) / "dbt_project.yml").read_text()


def test_a_branch_is_compared_with_where_it_left_main(origin: Path, tmp_path: Path) -> None:
    repository = Repository.of(origin / "project")
    assert version(repository, None, tmp_path / "base") == "one"
    assert version(repository, "main", tmp_path / "named") == "one"
    assert not repository.head().endswith("+")
    (origin / "project" / "dbt_project.yml").write_text("four")
    assert repository.head().endswith("+")


def test_work_on_main_is_compared_with_the_last_commit(origin: Path, tmp_path: Path) -> None:
    git(origin, "checkout", "--quiet", "main")
    assert version(Repository.of(origin / "project"), None, tmp_path / "base") == "two"
    git(origin, "branch", "--move", "main", "trunk")
    assert Repository.of(origin / "project").base(None).remarks


@pytest.mark.parametrize("ref", [None, "main", "origin/main"])
def test_a_shallow_clone_fetches_one_commit_and_stays_shallow(origin: Path, tmp_path: Path, ref: str | None) -> None:
    root = clone(origin, tmp_path, "--depth", "1", "--branch", "feature")
    repository = Repository.of(root)
    assert version(repository, ref, tmp_path / "base") == "two"
    assert "compared with the tip of" in repository.base(ref).remarks[0]
    assert git(root, "rev-list", "--all", "--count") in ("1", "2")


def test_a_full_clone_that_lacks_a_branch_stays_whole(origin: Path, tmp_path: Path) -> None:
    root = clone(origin, tmp_path, "--single-branch", "--branch", "feature")
    assert version(Repository.of(root), "main", tmp_path / "base") == "one"
    assert git(root, "rev-parse", "--is-shallow-repository") == "false"


def test_what_cannot_be_found_or_fetched_is_one_message_that_says_what_to_do(origin: Path, tmp_path: Path) -> None:
    root = clone(origin, tmp_path, "--depth", "1", "--branch", "feature")
    origin.rename(tmp_path / "gone")
    with pytest.raises(ConfigError, match="could not be fetched") as told:
        Repository.of(root).base(None)
    assert "git fetch --depth=1 origin main" in told.value.fix
    with pytest.raises(ConfigError, match="'--all'"):
        Repository.of(root).base("--all")


def test_a_folder_without_git_or_without_a_commit_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not in a git repository"):
        Repository.of(tmp_path)
    git(tmp_path, "init", "--quiet")
    with pytest.raises(ConfigError, match="no commit yet"):
        Repository.of(tmp_path)
