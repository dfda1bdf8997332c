"""What a change changes: by the SQL that models compile to, not by which files were touched.

An edited comment changes nothing, and an edited variable or macro changes every model whose SQL comes out differently.
What SQL alone does not tell is looked at as well: seeds, settings of how a model is built, and, of models that keep
what they have or issue statements of their own, their text and their macros.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError

from diff.version import Version
from warehouse.manifest import Node

#: The settings that say what a model's table holds; the others say who owns it and what it is called for people.
_SETTINGS = (
    "materialized", "incremental_strategy", "unique_key", "on_schema_change", "full_refresh", "pre-hook", "post-hook",
    "schema", "alias", "database", "contract", "incremental_predicates", "merge_update_columns",
    "merge_exclude_columns", "event_time", "batch_size", "lookback", "begin", "column_types", "quote_columns",
    "delimiter",
)  # fmt: skip
#: What tells that a macro does more than write its part of a model's SQL.
_ISSUES = ("run_query", "statement(", "adapter.execute", "adapter.get_relation", "adapter.drop", "adapter.rename")


@dataclass(frozen=True, slots=True)
class Change:
    """A model, seed or snapshot that a change changes by itself.

    Attributes:
        unique_id: dbt's id.
        name: Its name.
        path: Its file.
        why: ``new``, ``SQL``, ``seed``, ``settings`` or ``macro``.
    """

    unique_id: str
    name: str
    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between two versions.

    Attributes:
        changed: What is built in another way.
        same: Models whose file was edited and that come out the same.
        deleted: Names of models that are gone.
    """

    changed: tuple[Change, ...]
    same: tuple[str, ...]
    deleted: tuple[str, ...]


def compare(base: Version, head: Version) -> Changes:
    """Return what differs between two versions."""
    changed, same = [], []
    for name, node in sorted(head.nodes.items()):
        before = base.nodes.get(name)
        why = "new" if before is None else _why(base, head, before, node)
        if why:
            changed.append(Change(name, node.name, node.path, why))
        elif before is not None and before.checksum != node.checksum:
            same.append(node.name)
    deleted = sorted(node.name for name, node in base.nodes.items() if name not in head.nodes)
    return Changes(tuple(changed), tuple(sorted(same)), tuple(deleted))


def _why(base: Version, head: Version, before: Node, now: Node) -> str:
    if now.kind == "seed" and _seed(base, before) != _seed(head, now):
        return "seed"
    if any(_setting(base, now, name) != _setting(head, now, name) for name in _SETTINGS):
        return "settings"
    if now.kind == "seed":
        return ""
    was, is_now = base.sql(now.unique_id), head.sql(now.unique_id)
    keeps = head.config(now.unique_id).get("materialized") == "incremental" or now.kind == "snapshot"
    # Without SQL to compare, the file has to do; and what is kept from run to run has SQL that was not compiled.
    if (was is None or is_now is None or keeps) and before.checksum != now.checksum:
        return "SQL"
    if was is not None and is_now is not None and not _alike(was, is_now, head.manifest.adapter):
        return "SQL"
    if any(_differ(base, head, now, everything=keeps or was is None)):
        return "macro"
    return ""


def _setting(version: Version, node: Node, name: str) -> object:
    value = version.config(node.unique_id).get(name)
    # The texts of hooks, without the place that dbt gives each.
    return [hook.get("sql") for hook in value] if name.endswith("-hook") and isinstance(value, list) else value


def _seed(version: Version, node: Node) -> str:
    checksum = node.raw.get("checksum") or {}
    file = version.root / node.path if version.root else None
    # dbt does not read the rows of a large seed: its checksum is the file's name.
    if checksum.get("name") == "path" and file is not None and file.exists():
        return _contents(file)
    return node.checksum


def _contents(file: Path) -> str:
    from hashlib import sha256

    return sha256(file.read_bytes()).hexdigest()


def _alike(one: str, other: str, adapter: str) -> bool:
    """Tell whether two texts are the same SQL but for spaces and comments."""
    if one == other:
        return True
    tokenizer = Dialect.get_or_raise(adapter)
    try:
        parts = [[(token.token_type, token.text) for token in tokenizer.tokenize(sql)] for sql in (one, other)]
    except SqlglotError:
        return False
    return parts[0] == parts[1]


def _differ(base: Version, head: Version, node: Node, *, everything: bool) -> Iterator[bool]:
    """Yield, for each macro that a node uses, whether it was changed in a way that compiled SQL does not show."""
    was, now = base.macros(node.unique_id), head.macros(node.unique_id)
    for name in was.keys() | now.keys():
        texts = [held.get(name, "") for held in (was, now)]
        issues = any(word in text for word in _ISSUES for text in texts)
        yield (everything or issues) and texts[0] != texts[1]
