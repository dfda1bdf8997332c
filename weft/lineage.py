"""``weft lineage``: where a column comes from, which labels it carries, and what the policy says of it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer

from warehouse.errors import ConfigError
from weft.output import JsonOption, as_json, counted, note, table
from weft.session import Session

if TYPE_CHECKING:
    from lineage.gate import Arrival
    from lineage.project import ProjectLineage
    from warehouse.manifest import Node

_PATHS = ("column", "from", "how", "labels", "path")
_COLUMNS = ("column", "labels", "from")
_POLICY = ("sync", "column", "label", "arrives", "rule", "allowed", "because of")


def lineage(
    what: Annotated[
        str | None, typer.Argument(metavar="MODEL[.COLUMN]", help="A model or feed, or one column.")
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Print the record of processing as Markdown: docs/processing.md.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Check every sync against the policy, as before a run; exit code 2 if not.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show where columns come from, column by column, and what may become of them."""
    from lineage.project import ProjectLineage
    from lineage.record import processing

    session = Session()
    if check:
        session.check_policy(session.syncs)
        note(f"{counted(len(session.syncs), 'sync')}: nothing reaches a destination that policy.yml keeps from it")
        return
    found = ProjectLineage(session.root, session.manifest, session.connections, session.syncs)
    if record:
        typer.echo(processing(found), nl=False)
        return
    if what is None:
        raise ConfigError(
            "Whose lineage?", where="weft lineage", fix="name a model or a column: weft lineage profiles.email"
        )
    node, column = _named(found, what)
    columns = [column] if column else found.graph.columns(node.unique_id)
    described = [_described(found, node, one) for one in columns]
    answers = [_arrival(sync.name, one) for sync, one in _arrivals(found, node) if not column or one.column == column]
    if json:
        as_json({"model": node.name, "columns": described, "policy": answers})
        return
    if column:
        _paths(described[0])
    else:
        rows = [(one["column"], ", ".join(one["labels"]), ", ".join(_tables(one))) for one in described]
        table(_COLUMNS, rows, title=node.name)
    for one in described:
        for unknown in one["unknown"]:
            note(f"{node.name}.{one['column']}: nobody can tell what comes before: {unknown}")
    if answers:
        rows_of_policy = [tuple(answer[name] for name in _KEYS) for answer in answers]
        table(_POLICY, rows_of_policy, title="what the policy says")


_KEYS = ("sync", "column", "label", "arrives", "rule", "allowed", "key")


def _named(found: ProjectLineage, what: str) -> tuple[Node, str]:
    """Return the relation that was asked for, and the column if it was one.

    Raises:
        ConfigError: There is none of that name.
    """
    name, _, column = what.rpartition(".") if _node(found, what) is None else (what, "", "")
    node = _node(found, name or what)
    if node is None:
        names = [_name(one) for one in found.manifest.nodes.values()]
        close = get_close_matches(name or what, names, n=1)
        fix = f"did you mean {close[0]!r}?" if close else "`dbt ls` lists the models"
        raise ConfigError(
            f"There is no model, seed or raw table called {name or what!r}.", where="the project", fix=fix
        )
    columns = found.graph.columns(node.unique_id)
    if column and column.lower() not in columns:
        close = get_close_matches(column.lower(), columns, n=1)
        fix = f"did you mean {close[0]!r}?" if close else f"it has: {', '.join(columns) or 'none that is known'}"
        raise ConfigError(f"{node.name} has no column {column!r}.", where=node.path, fix=fix)
    return node, column.lower()


def _node(found: ProjectLineage, name: str) -> Node | None:
    return next((node for node in found.manifest.nodes.values() if _name(node) == name), None)


def _name(node: Node) -> str:
    return f"{node.raw['source_name']}.{node.name}" if node.kind == "source" else node.name


def _described(found: ProjectLineage, node: Node, column: str) -> dict[str, Any]:
    from lineage.trace import in_words, name_of

    traced = found.tracer.column(node.unique_id, column)
    declared = found.tracer.declared.get((node.unique_id, column))
    return {
        "column": column,
        "labels": [
            one.label if one.how.name == "PLAIN" else f"{one.label} ({_how(one.how)})" for one in traced.carried
        ],
        "because": declared.because if declared else "",
        "sources": [
            {
                "from": name_of(found.graph, path[0]._replace(field=None)),
                "how": _how(path[0].how),
                "labels": sorted(
                    label
                    for one in path[:1]
                    if (said := found.tracer.declared.get((one.node, one.column))) is not None
                    for label in said.labels
                ),
                "path": in_words(found.graph, path),
            }
            for path in traced.sources
        ],
        "unknown": [in_words(found.graph, path) for path in traced.unknown],
    }


def _how(how: Any) -> str:
    return {"PLAIN": "value", "HASHED": "hashed", "DERIVED": "decides"}[how.name]


def _tables(described: dict[str, Any]) -> list[str]:
    return sorted({str(source["from"]) for source in described["sources"] if source["how"] != "decides"})


def _paths(described: dict[str, Any]) -> None:
    rows = [
        (described["column"], source["from"], source["how"], ", ".join(source["labels"]), source["path"])
        for source in described["sources"]
    ]
    table(_PATHS, rows, title="where it comes from", empty="it is written in the SQL")
    if described["because"]:
        note(f"{described['column']}: its labels are stated by hand: {described['because']}")


def _arrivals(found: ProjectLineage, node: Node) -> list[tuple[Any, Arrival]]:
    from lineage.gate import arrivals

    syncs = [sync for sync in found.syncs if sync.feed_id == node.unique_id]
    return [(sync, one) for sync in syncs for one in arrivals(found, sync)]


def _arrival(sync: str, one: Arrival) -> dict[str, Any]:
    return {
        "sync": sync,
        "column": one.column or "(who is in it)",
        "label": one.carried.label,
        "arrives": "hashed" if one.is_hashed else "plain",
        "rule": one.verdict.rule.value,
        "allowed": one.is_allowed,
        "key": one.verdict.key,
    }
