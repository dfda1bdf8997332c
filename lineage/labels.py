"""What the project's yml files say of columns: ``config.meta.labels``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lineage.policy import Policy, meant
from warehouse.errors import ConfigError, raise_all
from warehouse.manifest import Manifest, Node

_FORMS = "a list of labels, {mixed: [...]}, or {only: [...], because: ...}"


@dataclass(frozen=True, slots=True)
class Declared:
    """What a yml says of one column.

    Attributes:
        labels: The labels.
        is_mixed: Its rows hold different kinds, which another column tells apart: where only some of them are read,
            what those come from decides.
        is_only: It has these labels and no others, whatever it comes from.
        because: Why, where it has no others.
    """

    labels: frozenset[str]
    is_mixed: bool = False
    is_only: bool = False
    because: str = ""


def declared_labels(manifest: Manifest, policy: Policy) -> Mapping[tuple[str, str], Declared]:
    """Return what is declared, by dbt's id of the relation and the column in lower case.

    Raises:
        ConfigError: A label does not exist, or is written in a way that means nothing; the message names file and
            column.
    """
    found: dict[tuple[str, str], Declared] = {}
    problems: list[ConfigError] = []
    for node in manifest.nodes.values():
        for name, raw in _meta(node):
            where = f"{_file(node)}, {node.kind} {node.name}, column {name}"
            declared = _read(raw)
            if declared is None:
                problems.append(ConfigError("These labels are not readable.", where=where, fix=f"write {_FORMS}"))
                continue
            for label in sorted(declared.labels - set(policy.labels)):
                what = f"There is no label called {label!r}."
                problems.append(ConfigError(what, where=where, fix=f"{meant(label, policy.labels)} (policy.yml)"))
            found[node.unique_id, name.lower()] = declared
    raise_all(problems, "things are wrong with the labels")
    return found


def _meta(node: Node) -> Iterator[tuple[str, Any]]:
    for name, column in (node.raw.get("columns") or {}).items():
        meta = (column.get("config") or {}).get("meta") or column.get("meta") or {}
        if "labels" in meta:
            yield name, meta["labels"]


def _read(raw: Any) -> Declared | None:
    if _is_names(raw):
        return Declared(frozenset(raw))
    if not isinstance(raw, Mapping):
        return None
    if set(raw) == {"mixed"} and _is_names(raw["mixed"]):
        return Declared(frozenset(raw["mixed"]), is_mixed=True)
    because = raw.get("because")
    if set(raw) == {"only", "because"} and _is_names(raw["only"]) and isinstance(because, str) and because.strip():
        return Declared(frozenset(raw["only"]), is_only=True, because=because.strip())
    return None


def _is_names(raw: Any) -> bool:
    return isinstance(raw, list) and all(isinstance(one, str) for one in raw)


def _file(node: Node) -> str:
    return str(node.raw.get("patch_path") or "").split("://")[-1] or node.path
