"""What a diff tells: counts and averages only, never a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from reverse_etl.report import Plan

FEWEST = 10  #: of fewer people nothing is told but how many they are


@dataclass(frozen=True, slots=True)
class Trait:
    """How those who move differ from the others in one trait.

    Attributes:
        name: The column, with a value where the trait is a category.
        unit: ``mean``, ``days ago`` (a mean as well) or ``share``.
        movers: The figure of those who move.
        others: The figure of those whom they are compared with.
        effect: The difference in standard deviations; of shares, as Cohen's h, which is of the same size.
        movers_is: ``under`` or ``over`` where so few people are behind the figure that only its bound is told.
        others_is: Likewise.
    """

    name: str
    unit: str
    movers: float
    others: float
    effect: float
    movers_is: str = ""
    others_is: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """What becomes of a segment.

    Attributes:
        name: Its name without ``seg_``.
        status: ``changed``, ``new`` or ``deleted``.
        before: Members in production.
        after: Members with the change.
        enter: Who enters.
        leave: Who leaves.
        stay: Who stays.
        enterers: What separates those who enter from the others, the strongest first.
        leavers: What separates those who leave.
        compared_with: Whom the two are compared with: ``those who stay``, or ``everybody else`` where too few stay.
        problem: Why it cannot be compared, or what is wrong with it.
    """

    name: str
    status: str
    before: int = 0
    after: int = 0
    enter: int = 0
    leave: int = 0
    stay: int = 0
    enterers: tuple[Trait, ...] = ()
    leavers: tuple[Trait, ...] = ()
    compared_with: str = "those who stay"
    problem: str = ""

    @property
    def moved(self) -> int:
        """How many enter or leave."""
        return self.enter + self.leave


@dataclass(frozen=True, slots=True)
class Sync:
    """What becomes of a sync.

    Attributes:
        name: The exposure's name.
        label: Its name for people.
        status: ``changed`` (what it would send may be another), ``new`` or ``deleted``.
        before: What the next run would do without the change; nothing where it could not.
        after: What it would do with the change.
        columns: Rows that the next run would change, by column, with the change.
        held: Rows that the destination holds, of a sync that is deleted.
        problem: Why it cannot be planned.
    """

    name: str
    label: str
    status: str
    before: Plan | None = None
    after: Plan | None = None
    columns: Mapping[str, int] = field(default_factory=dict)
    held: int | None = None
    problem: str = ""

    @property
    def newly_stopped(self) -> tuple[str, ...]:
        """The guards that stop it with the change and not without."""
        if self.after is None:
            return ()
        known = {guard.name for guard in self.before.tripped} if self.before else set()
        return tuple(guard.name for guard in self.after.tripped if guard.name not in known)


@dataclass(frozen=True, slots=True)
class Table:
    """What becomes of the columns of a table.

    Attributes:
        name: The model.
        added: Columns that it gains.
        removed: Columns that it loses.
        retyped: Columns of another type, with both types.
    """

    name: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    retyped: tuple[str, ...] = ()


@dataclass(slots=True)
class Report:
    """What a change would do.

    Attributes:
        base: What it is compared with, in words.
        head: The working tree's commit, with a plus where files differ from it.
        as_of: The moment of both sides.
        remarks: What a reader should know of how it was compared.
        changed: Changed models, each with its file and why it counts as changed.
        same: Models whose file was edited and that come out the same.
        new: Names of new models.
        deleted: Names of models that are gone.
        built: Names of what was built.
        left_out: What was not built, and why.
        tables: What becomes of columns.
        segments: Segments that the change reaches.
        syncs: Syncs that the change reaches.
        untouched: How many segments and syncs it does not reach.
    """

    base: str
    head: str
    as_of: datetime | None = None
    remarks: list[str] = field(default_factory=list)
    changed: list[dict[str, str]] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    built: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    syncs: list[Sync] = field(default_factory=list)
    untouched: dict[str, int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was changed that matters to any segment or sync."""
        return not (self.changed or self.deleted or self.segments or self.syncs)

    @property
    def problems(self) -> list[str]:
        """What could not be compared."""
        everything: list[Segment | Sync] = [*self.segments, *self.syncs]
        return [f"{one.name}: {one.problem}" for one in everything if one.problem]

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        told["tables"] = [asdict(table) for table in self.tables]
        told["segments"] = [asdict(segment) for segment in self.segments]
        told["syncs"] = [
            {name: getattr(sync, name) for name in Sync.__dataclass_fields__}
            | {"before": sync.before.to_dict() if sync.before else None}
            | {"after": sync.after.to_dict() if sync.after else None}
            | {"newly_stopped": list(sync.newly_stopped)}
            for sync in self.syncs
        ]
        return told
