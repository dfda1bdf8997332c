"""A sync as the user writes it: ``config.meta.sync`` of an exposure, and ``sync_defaults`` for all of a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reverse_etl.bounds import AnyBound, Duration
from reverse_etl.destinations.base import Mode, NullPolicy
from reverse_etl.guards import Guards

OnMerge = Literal["keep", "remove", "merge"]

#: Blocks whose fields each have a default of their own, so that an exposure may state one and keep the others.
_NESTED = ("guards", "retention")


class Problem(NamedTuple):
    """One thing that is wrong with what the user wrote.

    Attributes:
        field: The field, as a path within the block.
        what: What is wrong, without the full stop.
        fix: What is possible.
        by_default: Whether the field's value comes from ``sync_defaults``.
    """

    field: str
    what: str
    fix: str
    by_default: bool = False


class Retention(BaseModel):
    """How long the engine keeps what it no longer needs.

    Attributes:
        ledger: Age at which a line of the ledger goes, unless it is the last word on its row.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    ledger: Duration = timedelta(days=400)


class SyncDefaults(BaseModel):
    """``config.meta.sync_defaults`` of a feed: what its syncs do unless they say otherwise.

    It is written once for a folder of feeds, in ``dbt_project.yml`` under ``models``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    guards: Guards = Guards()
    retention: Retention = Retention()
    drift: AnyBound | None = None
    nulls: NullPolicy = NullPolicy.CLEAR_OWN
    on_merge: OnMerge = "remove"
    settle_seconds: int = Field(default=120, ge=0)
    batch_rows: int | None = Field(default=None, ge=1)


class SyncBlock(SyncDefaults):
    """``config.meta.sync`` of an exposure, with the defaults filled in."""

    connection: str
    object: str
    mode: Mode
    key: str
    target: str | None = Field(default=None, coerce_numbers_to_str=True)
    purpose: str | None = None
    columns: dict[str, NullPolicy] = Field(default_factory=dict)


class Written(NamedTuple):
    """A block that holds together by itself; whether its destination can do what it asks is another question.

    Attributes:
        block: The exposure's own words, and the defaults where it has none.
        own: The fields that the exposure states itself.
        guards: The guards that somebody stated, be it as ``null``.
    """

    block: SyncBlock
    own: frozenset[str]
    guards: frozenset[str]

    def by_default(self, field: str) -> bool:
        """Tell whether a field's value is not the exposure's own."""
        return field not in self.own


def read_block(raw: Any, defaults: Any) -> tuple[Written | None, list[Problem]]:
    """Return the block that an exposure and the defaults make together, or everything that is wrong with them.

    The exposure's own word wins, field by field and guard by guard; ``null`` switches a default off.

    Args:
        raw: ``config.meta.sync`` of the exposure.
        defaults: ``config.meta.sync_defaults`` of its feed; nothing where there are none.
    """
    given = {} if defaults is None else defaults
    problems = [problem._replace(by_default=True) for problem in _wrong(SyncDefaults, given, "sync_defaults")]
    if not isinstance(raw, Mapping):
        return None, [*problems, Problem("", "A sync is a list of fields", _fields_of(SyncBlock, "a sync block"))]
    if problems:
        given = {}
    merged = {**given, **raw}
    for name in _NESTED:
        own, default = raw.get(name, {}), given.get(name) or {}
        if isinstance(own, Mapping):
            merged[name] = {**default, **own}
        elif own is None:
            problems.append(
                Problem(name, f"`{name}` is empty", "write `null` for the ones that are to be off, by name")
            )
            merged[name] = default
    problems += _wrong(SyncBlock, merged, "a sync block")
    if problems:
        return None, problems
    return Written(SyncBlock.model_validate(merged), frozenset(raw), frozenset(merged["guards"])), []


def _wrong(model: type[BaseModel], raw: Any, name: str) -> Iterator[Problem]:
    try:
        model.model_validate(raw)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            path = [str(part) for part in item["loc"] if part != "[key]"]
            yield Problem(".".join(path), _said(item, name), _possible(model, path, name))


def _said(item: Any, name: str) -> str:
    field = item["loc"][-1] if item["loc"] else name
    if item["type"] == "missing":
        return f"`{field}` is missing"
    if item["type"] == "extra_forbidden":
        return f"There is no field {field!r}"
    message = str(item["msg"]).removeprefix("Value error, ")
    return f"`{field}` is not valid: {message[0].lower()}{message[1:]}"


def _possible(model: type[BaseModel], path: list[str], name: str) -> str:
    choices: dict[str, list[str]] = {
        "mode": [mode.value for mode in Mode],
        "nulls": [policy.value for policy in NullPolicy],
        "columns": [policy.value for policy in NullPolicy],
        "on_merge": [*get_args(OnMerge)],
    }
    if path and path[0] in choices and path[0] in model.model_fields:
        return f"use one of: {', '.join(sorted(choices[path[0]]))}"
    if path and path[0] in _NESTED:
        return _fields_of(Guards if path[0] == "guards" else Retention, path[0])
    return _fields_of(model, name)


def _fields_of(model: type[BaseModel], name: str) -> str:
    fields = list(model.model_fields)
    if model is SyncBlock:  # what every sync has to say comes first
        fields = [*(field for field in fields if field not in SyncDefaults.model_fields), *SyncDefaults.model_fields]
    return f"{name} can hold: {', '.join(fields)}"
