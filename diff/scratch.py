"""The scratch: where changed models are built, beside production, which is only read.

Each run has a scratch of its own. It is dropped when the run ends, however it ends; what a killed run left behind is
found by its owner, who is no more, and dropped by the next run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

from reverse_etl.place import Place
from warehouse.base import Relation, Warehouse
from warehouse.errors import ConfigError
from warehouse.profile import profile_name, read_output, unrendered_output

_RUN = re.compile(r"(?P<at>\d{8}t\d{6})_[0-9a-f]{8}")
_OWNER = "owner.json"


def new_id(at: datetime) -> str:
    """Return a name for a scratch that no other has, and that tells when it was made."""
    return f"{at:%Y%m%dt%H%M%S}_{uuid4().hex[:8]}"


def made_at(run: str) -> datetime | None:
    """Return when a scratch was made, by its name."""
    found = _RUN.fullmatch(run)
    return datetime.strptime(found["at"], "%Y%m%dt%H%M%S") if found else None  # noqa: DTZ007 - UTC, as everywhere


@dataclass
class Scratch(ABC):
    """The scratch of one run.

    Attributes:
        root: The project's folder.
        run: The run's name.
        at: When it began.
        keep: Whether the scratch stays when the run ends.
    """

    root: Path
    run: str
    at: datetime
    keep: bool = False
    target: str = field(init=False)
    output: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.target, self.output = unrendered_output(self.root, os.environ)
        self.rendered, _ = read_output(self.root, None, os.environ)

    @property
    def folder(self) -> Path:
        """Files of this run: the base's version, manifests, profiles; on DuckDB the scratch itself."""
        return self.root / ".weft" / "diff" / self.run

    @property
    @abstractmethod
    def place(self) -> str:
        """Where the scratch is, in words, and how somebody who kept it gets rid of it."""

    @property
    @abstractmethod
    def names(self) -> Mapping[str, str]:
        """What stands for what of production's in the names of relations: nothing else holds these texts."""

    @abstractmethod
    def base_profile(self) -> Path:
        """Write a profile in which the base's models have the same names as in the scratch, and return its folder.

        Both versions are compiled alike, because SQL may be made of the names of relations, or of their fingerprint.
        """

    @abstractmethod
    def profile(self) -> Path:
        """Write the profile that builds in the scratch, and return its folder."""

    @abstractmethod
    def open(self) -> Warehouse:
        """Open the scratch, from which production can be read."""

    @abstractmethod
    def production(self, relation: Relation) -> Relation:
        """Return where a relation of production is, seen from the scratch."""

    @abstractmethod
    def know(self, database: str | None) -> None:
        """Take note of how a manifest from elsewhere names production's database."""

    @abstractmethod
    def engine(self) -> str:
        """Return the schema of production's engine tables."""

    @abstractmethod
    def holds(self, relation: Relation) -> bool:
        """Tell whether a relation is in the scratch."""

    @abstractmethod
    def create(self, warehouse: Warehouse, built_by_dbt: Set[Relation]) -> None:
        """Make the scratch ready to be built in.

        Args:
            warehouse: The open scratch.
            built_by_dbt: The relations of production's models and seeds, without a database on DuckDB.
        """

    @abstractmethod
    def copy(self, warehouse: Warehouse, source: Relation, into: Relation) -> None:
        """Copy a table of production into the scratch."""

    @abstractmethod
    def drop(self) -> None:
        """Drop the scratch."""

    @abstractmethod
    def drop_leftovers(self) -> list[str]:
        """Drop what runs that were killed left behind, and return their names."""

    def write_profile(self, folder: Path, output: Mapping[str, Any], *projects: Path) -> Path:
        """Write a profile for projects that has one output. Secrets in it are the names of variables, as before."""
        folder.mkdir(parents=True, exist_ok=True)
        profile = {"target": self.target, "outputs": {self.target: dict(output)}}
        file = folder / "profiles.yml"
        file.touch(mode=0o600)
        names = {profile_name(project) for project in (self.root, *projects)}
        file.write_text(yaml.safe_dump(dict.fromkeys(names, profile)), encoding="utf-8")
        return folder

    def _begin(self) -> None:
        self.folder.mkdir(parents=True, mode=0o700)
        place = Place.here()
        owner = {"owner": place.owner(), "pid": place.pid}
        (self.folder / _OWNER).write_text(json.dumps(owner), encoding="utf-8")

    def _end(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _abandoned(self) -> Iterator[Path]:
        """Yield the folders of runs whose process has ended."""
        for folder in sorted((self.root / ".weft" / "diff").glob("*")):
            try:
                held = json.loads((folder / _OWNER).read_text(encoding="utf-8"))
                if Place.here().has_ended(str(held["owner"]), int(held["pid"])):
                    yield folder
            except (OSError, ValueError, KeyError, TypeError):
                continue  # it was kept, or is not ours


def scratch_for(root: Path, at: datetime, *, keep: bool = False) -> Scratch:
    """Return a new scratch for the warehouse of a project.

    Raises:
        WarehouseError: The profile is missing or wrong.
        ConfigError: The warehouse is one where nothing can be built beside production.
    """
    from diff.scratch_duck import DuckScratch
    from diff.scratch_snow import SnowScratch

    output, where = read_output(root, None, os.environ)
    kinds: dict[str, type[Scratch]] = {"duckdb": DuckScratch, "snowflake": SnowScratch}
    kind = kinds.get(str(output.get("type")))
    if kind is None:
        raise ConfigError(
            f"weft does not know warehouses of type {output.get('type')!r}.", where=where, fix="use duckdb or snowflake"
        )
    return kind(root, new_id(at), at, keep)


@contextmanager
def held(scratch: Scratch) -> Iterator[list[str]]:
    """Hold a scratch while something runs, and drop it afterwards, also when that fails or is interrupted.

    Yields:
        The names of left-overs of killed runs that were dropped first.
    """
    dropped = scratch.drop_leftovers()
    scratch._begin()
    try:
        yield dropped
    finally:
        with _undisturbed():
            if scratch.keep:
                (scratch.folder / _OWNER).unlink(missing_ok=True)
            else:
                scratch.drop()
                scratch._end()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let no second Ctrl-C end the tidying up."""
    import signal

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
