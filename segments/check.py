"""What a segment asks for that is not there, found before anything is built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from segments.catalogue import load
from warehouse.errors import ConfigError, raise_all
from warehouse.manifest import Manifest, Node


def check_traits(manifest: Manifest, models: Mapping[str, str], dialect: str) -> None:
    """Return when every column that a segment names is one of a model that it reads, or made in the segment itself.

    A segment that reads a model whose yml names no columns is left to the warehouse.

    Args:
        manifest: The parsed project.
        models: Compiled SQL, by dbt's id of the model.
        dialect: The dialect that it is written in.

    Raises:
        ConfigError: A column is not there. The message names the file and the column.
    """
    problems = [problem for one in load(manifest) for problem in _problems(manifest, one.node, models, dialect)]
    raise_all(problems, "columns that segments read are not there")


def _problems(manifest: Manifest, node: Node, models: Mapping[str, str], dialect: str) -> Iterator[ConfigError]:
    read = [manifest.nodes[name] for name in node.depends_on if name in manifest.nodes]
    if node.unique_id not in models or not all(model.columns for model in read):
        return
    try:
        tree = sqlglot.parse_one(models[node.unique_id], dialect=dialect)
    except SqlglotError:  # the warehouse says more about it, and says it in any case
        return
    there = {column.lower() for model in read for column in model.columns}
    made = {alias.alias.lower() for alias in tree.find_all(exp.Alias)}
    made |= {name.name.lower() for alias in tree.find_all(exp.TableAlias) for name in alias.args.get("columns") or ()}
    made |= {name.name.lower() for function in tree.find_all(exp.Lambda) for name in function.expressions}
    asked = dict.fromkeys(column.name for column in tree.find_all(exp.Column) if not isinstance(column.this, exp.Star))
    for name in asked:
        if name.lower() not in there | made:
            close = get_close_matches(name.lower(), sorted(there), n=1)
            names = ", ".join(model.name for model in read)
            yield ConfigError(
                f"{node.name} reads the column {name!r}, which is not there.",
                where=f"{node.path}, which reads {names}",
                fix=f"Did you mean {close[0]!r}?" if close else "docs/traits.md says how a trait is added.",
            )
