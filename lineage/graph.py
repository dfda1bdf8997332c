"""The columns of a whole project, each tied to those that it comes from."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from lineage.queries import Table, Unreadable, read_query
from lineage.shapes import ROWS, Branch, How, Origin, Rows
from warehouse.manifest import Manifest, Node


class Place(NamedTuple):
    """A column, as far as it is read.

    Attributes:
        node: dbt's id of its relation; empty where the way ends without one.
        column: The column; the reason, where there is no relation.
        how: How what it is followed from comes from it.
        rows: Which rows of it are read.
        field: Which field of the JSON in it is read.
    """

    node: str
    column: str
    how: How = How.PLAIN
    rows: Rows = frozenset()
    field: str | None = None


@dataclass
class Graph:
    """What every model of a project yields.

    Attributes:
        manifest: The project.
        shapes: What each model yields, by its id.
        unreadable: Why a model's SQL could not be followed, by its id.
    """

    manifest: Manifest
    shapes: dict[str, list[Branch]] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)

    def columns(self, node: str) -> list[str]:
        """Return the columns of a relation, lower case, in their order."""
        if node in self.shapes:
            return list(dict.fromkeys(name for branch in self.shapes[node] for name in branch.columns))
        return [name.lower() for name in self.manifest.nodes[node].columns]

    def before(self, place: Place) -> Iterator[Place]:
        """Yield the columns that a column comes from, one step back."""
        if place.node in self.unreadable:
            yield Place("", self.unreadable[place.node], place.how)
            return
        for branch in self.shapes.get(place.node, ()):
            rows = _rows_before(branch, place.rows)
            if rows is None:
                continue
            value = branch.get(place.column) or branch.guessed(place.column)
            origins = branch.rows if place.column == ROWS else value.origins if value else frozenset()
            for origin in origins:
                before = _before(place, origin, rows)
                if before is not None:
                    yield before

    def is_origin(self, place: Place) -> bool:
        """Tell whether the way ends here: nothing that dbt builds is before it."""
        return place.node not in self.shapes and place.node not in self.unreadable


def read_project(manifest: Manifest, compiled: Mapping[str, str], root: Path, dialect: str) -> Graph:
    """Return the columns of a project.

    Args:
        manifest: The parsed project.
        compiled: The compiled SQL of its models, by dbt's id.
        root: The project's folder, where its seeds are.
        dialect: The warehouse's.
    """
    graph = Graph(manifest)
    finder = _Finder(graph, root, dialect)
    for node in _in_order(manifest):
        if node.kind == "snapshot":
            graph.unreadable[node.unique_id] = f"{node.path}: a snapshot keeps what earlier SQL said"
        if node.kind != "model":
            continue
        sql = compiled.get(node.unique_id)
        try:
            if sql is None:
                raise Unreadable("dbt gave no compiled SQL for it")
            graph.shapes[node.unique_id] = read_query(sql, dialect, finder.find)
        except Unreadable as error:
            graph.unreadable[node.unique_id] = f"{node.path}: {error}"
        except RecursionError:
            graph.unreadable[node.unique_id] = f"{node.path}: its SQL is nested too deeply"
    return graph


class _Finder:
    """Finds the node that a table of compiled SQL is."""

    def __init__(self, graph: Graph, root: Path, dialect: str) -> None:
        self.graph, self.root = graph, root
        self.named: dict[tuple[str, str], list[Node]] = {}
        self.files: dict[str, Node] = {}
        for node in graph.manifest.nodes.values():
            self.named.setdefault((node.relation.schema.lower(), node.relation.name.lower()), []).append(node)
            location = str(node.raw.get("relation_name") or "") if node.kind == "source" else ""
            is_file = "(" in location or location.startswith("'")
            if is_file and (read := _parsed_location(location, dialect)) is not None:
                self.files[read] = node

    def find(self, table: exp.Table) -> Table | None:
        """Return the node, with its columns."""
        node = self._node(table)
        if node is None:
            return None
        columns = self.graph.columns(node.unique_id)
        if node.kind == "seed":
            columns = list(dict.fromkeys([*columns, *_header(self.root / node.path)]))
        branches: Sequence[Branch] = self.graph.shapes.get(node.unique_id, ())
        is_open = not branches or any(branch.open or branch.anything for branch in branches)
        return Table(node.unique_id, columns, is_open)

    def _node(self, table: exp.Table) -> Node | None:
        if not isinstance(table.this, exp.Identifier) or not table.db:
            return self.files.get(_bare(table))
        found = self.named.get((table.db.lower(), table.name.lower()), [])
        same = [node for node in found if (node.relation.database or "").lower() == table.catalog.lower()]
        return next(iter(same or found), None)


def _bare(table: exp.Table) -> str:
    return exp.Table(**{**table.args, "alias": None}).sql()


def _parsed_location(location: str, dialect: str) -> str | None:
    try:
        read = sqlglot.parse_one(f"select * from {location}", dialect=dialect).find(exp.Table)
    except SqlglotError:
        return None
    return _bare(read) if read is not None else None


def _header(file: Path) -> list[str]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return [name.strip().lower() for name in next(csv.reader(lines), [])]
    except OSError:
        return []


def _in_order(manifest: Manifest) -> list[Node]:
    """Return the nodes, each after those that it reads."""
    done: dict[str, Node] = {}

    def visit(node: Node) -> None:
        waiting: list[tuple[Node, bool]] = [(node, False)]
        while waiting:
            current, is_ready = waiting.pop()
            if current.unique_id in done:
                continue
            if is_ready:
                done[current.unique_id] = current
                continue
            waiting.append((current, True))
            found = (manifest.nodes.get(name) for name in current.depends_on)
            waiting += [(one, False) for one in found if one is not None and one.unique_id not in done]

    for node in manifest.nodes.values():
        visit(node)
    return list(done.values())


def _rows_before(branch: Branch, rows: Rows) -> Mapping[tuple[str, int], Rows] | None:
    """Return which rows of what a branch reads are in these rows of it; nothing where it has none of them."""
    before: dict[tuple[str, int], Rows] = {}
    for column, allowed in rows:
        value = branch.get(column)
        if value is None:
            continue
        if value.literals is not None and not value.literals & allowed:
            return None
        if (same := value.same) is not None:
            key = (same.node, same.reading)
            before[key] = before.get(key, frozenset()) | {(same.column, allowed)}
    return before


def _before(place: Place, origin: Origin, rows: Mapping[tuple[str, int], Rows]) -> Place | None:
    if place.field is not None and origin.key is not None and origin.key != place.field:
        return None
    if origin.takes:
        part: str | None = origin.takes
    else:
        part = place.field if origin.takes == "" and origin.key is None else None
    through = rows.get((origin.node, origin.reading), frozenset())
    if origin.by is not None:
        through = frozenset(pair for pair in through if pair[0] in origin.by)
    read = _met(origin.rows | through)
    if read is None:
        return None
    return Place(origin.node, origin.column, max(place.how, origin.how), read, part)


def _met(rows: Rows) -> Rows | None:
    """Return what holds of the rows, column by column; nothing where no row can be like that."""
    met: dict[str, frozenset[str]] = {}
    for column, allowed in rows:
        met[column] = met[column] & allowed if column in met else allowed
        if not met[column]:
            return None
    return frozenset(met.items())
