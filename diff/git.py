"""The version of the project that a change is compared with: found in git, and unpacked beside the working tree."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from warehouse.errors import ConfigError

_MAIN = ("origin/main", "origin/master", "main", "master")
_AGAIN = "name another with --base REF, or give --state DIR/manifest.json"


@dataclass(frozen=True, slots=True)
class Base:
    """The commit that a change is compared with.

    Attributes:
        commit: Its id.
        label: It in words, for the report.
        remarks: What a reader should know of how it was found.
    """

    commit: str
    label: str
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Repository:
    """The git repository of a project.

    Attributes:
        root: The project's folder, which may be any folder of the repository.
    """

    root: Path

    @classmethod
    def of(cls, root: Path) -> Repository:
        """Return the repository of a folder.

        Raises:
            ConfigError: It is in none, it has no commit yet, or git is not installed.
        """
        found = cls(root)
        if found._ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}") is None:
            inside = found._ask("rev-parse", "--show-toplevel") is not None
            what = "has no commit yet" if inside else "is not in a git repository"
            raise ConfigError(
                f"The project {what}, so there is nothing to compare it with.",
                where=str(root),
                fix="commit the version that production was built from, or give its manifest: "
                "weft diff --state DIR/manifest.json",
            )
        return found

    def head(self) -> str:
        """Return the commit of the working tree, with a plus where files differ from it."""
        changed = self._ask("status", "--porcelain", "--", ".")
        return f"{self._commit('HEAD')[:12]}{'+' if changed else ''}"

    def base(self, ref: str | None) -> Base:
        """Return what to compare with: where the work left the main branch, or a ref that somebody names.

        A commit that a shallow clone lacks is fetched, and nothing but that commit.

        Args:
            ref: A branch, tag or commit; else the main branch, else the last commit.

        Raises:
            ConfigError: There is no such commit, neither here nor at the remote.
        """
        shallow = self._ask("rev-parse", "--is-shallow-repository") == "true"
        if ref is not None:
            commit = self._find(ref) or self._fetch(ref, shallow)
            if commit is None:
                raise self._missing(ref, shallow)
            return self._left(ref, commit)
        for name in _MAIN:
            if commit := self._find(name):
                return self._left(name, commit)
        if shallow:
            commit = self._fetch("main", shallow) or self._fetch("master", shallow)
            if commit is None:
                raise self._missing("main", shallow)
            return self._left("main", commit)
        return Base(self._commit("HEAD"), "the last commit", ("There is no branch called main to compare with.",))

    def unpack(self, commit: str, folder: Path) -> Path:
        """Write a commit's version of the project into an empty folder, and return the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        done = self._git("archive", "--format=tar", commit)  # of this folder and below
        if done.returncode != 0:
            raise ConfigError(
                f"The commit {commit[:12]} does not have the project.",
                where=str(self.root),
                fix=_AGAIN,
            )
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as packed:
            packed.extractall(folder, filter="data")
        if not (folder / "dbt_project.yml").exists():
            raise ConfigError(
                f"The commit {commit[:12]} has no dbt_project.yml in this folder.", where=str(self.root), fix=_AGAIN
            )
        return folder

    def _left(self, name: str, commit: str) -> Base:
        """Return the commit where the work left a branch; the branch's tip where a shallow clone cannot tell."""
        common = self._ask("merge-base", "HEAD", commit)
        if common is None:
            remark = f"This clone does not know where the work left {name}; it is compared with the tip of {name}."
            return Base(commit, f"{name} ({commit[:12]})", (remark,))
        return Base(common, f"{name} ({common[:12]})")

    def _find(self, ref: str) -> str | None:
        # Not an option, whatever somebody calls a branch.
        return self._ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")

    def _commit(self, ref: str) -> str:
        return self._find(ref) or ""

    def _fetch(self, ref: str, shallow: bool) -> str | None:
        """Fetch one commit from the remote; a full clone stays one."""
        remotes = (self._ask("remote") or "").split()
        if not remotes or ref.startswith("-"):
            return None
        remote = "origin" if "origin" in remotes else remotes[0]
        wanted = ref.removeprefix(f"{remote}/")
        depth = ["--depth=1"] if shallow else []
        done = self._git("fetch", "--quiet", "--no-tags", *depth, remote, wanted)
        return self._find("FETCH_HEAD") if done.returncode == 0 else None

    def _missing(self, ref: str, shallow: bool) -> ConfigError:
        branch = ref.removeprefix("origin/")
        depth = "--depth=1 " if shallow else ""
        kind = "This clone is shallow, and the commit" if shallow else "The commit"
        return ConfigError(
            f"{kind} to compare with, {ref!r}, is not in it and could not be fetched."
            if shallow
            else f"{kind} to compare with, {ref!r}, is not in this repository and could not be fetched.",
            where=str(self.root),
            fix=f"git fetch {depth}origin {branch}; or {_AGAIN}",
        )

    def _ask(self, *words: str) -> str | None:
        done = self._git(*words)
        return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else None

    def _git(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        # A remote that wants a password must not leave the command waiting for one.
        settings = os.environ | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        command = ["git", *words]
        try:
            return subprocess.run(command, cwd=self.root, capture_output=True, check=False, env=settings)  # noqa: S603
        except FileNotFoundError:
            raise ConfigError("Git is not installed.", where="git", fix="install git, or give --state") from None
