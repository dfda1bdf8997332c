"""The record of processing: what goes where, from which sources, under which purpose, as a page for people."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence

from lineage.gate import Arrival, arrivals, sent_columns
from lineage.project import ProjectLineage
from lineage.shapes import How
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations import registry

_HEAD = """# Record of processing

What leaves the warehouse: to whom, for which purpose, from which sources, under which labels. Written by
`weft lineage --record` from the syncs, the lineage of their feeds and `policy.yml`; do not edit it by hand. Every row
of a sync has the consent that its purpose names, and nobody who is suppressed or erased is in it
([syncs.md](syncs.md)).
"""


def processing(lineage: ProjectLineage) -> str:
    """Return the page, in Markdown. It holds no person and nothing that changes by itself."""
    bases = legal_bases(lineage)
    lines = [_HEAD, "## Who gets what", ""]
    overview = []
    for sync in lineage.syncs:
        labels = sorted({one.carried.label for one in arrivals(lineage, sync) if one.column})
        taker = f"{registry.get(sync.destination).label}, {sync.object}{f' {sync.target}' if sync.target else ''}"
        overview.append((f"[{sync.name}](#{sync.name})", taker, sync.purpose or "none", ", ".join(labels) or "none"))
    lines += _table(("sync", "goes to", "purpose", "labels"), overview)
    for sync in lineage.syncs:
        lines += ["", *_sync(lineage, sync, bases)]
    lines += ["", "## Where it comes from", "", *_sources(lineage)]
    return "\n".join(lines).rstrip() + "\n"


def legal_bases(lineage: ProjectLineage) -> Mapping[str, str]:
    """Return the legal basis of each purpose, as the seed ``purposes`` states it; none where there is no such seed."""
    node = lineage.manifest.model("purposes")
    if node is None or node.kind != "seed":
        return {}
    with (lineage.root / node.path).open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        basis = next((str(value) for name, value in row.items() if name and "basis" in name and value), "")
        if row.get("purpose") and basis:
            found.setdefault(row["purpose"], {})[basis.replace("_", " ")] = None
    return {purpose: ", ".join(bases) for purpose, bases in found.items()}


def _sync(lineage: ProjectLineage, sync: SyncDefinition, bases: Mapping[str, str]) -> Iterator[str]:
    destination = registry.get(sync.destination)
    yield f"### {sync.name}"
    yield ""
    yield f"{sync.label}. {' '.join(sync.description.split())}".rstrip()
    yield ""
    owner = " ".join(part for part in (sync.owner.get("name"), _bracketed(sync.owner.get("email"))) if part)
    facts = [
        ("goes to", f"{destination.label}, {sync.object}{f' {sync.target}' if sync.target else ''}"),
        ("connection", sync.connection),
        ("purpose", sync.purpose or "none: its rows are not people"),
        *([("legal basis", basis)] if (basis := bases.get(sync.purpose or "")) else []),
        ("owner", owner or "nobody"),
        ("feed", sync.feed_name),
        ("a removal", destination.objects[sync.object].removal),
    ]
    yield from _table(("", ""), facts)
    yield ""
    found: dict[str, list[Arrival]] = {}
    for one in arrivals(lineage, sync):
        found.setdefault(one.column, []).append(one)
    rows = []
    for column in sent_columns(lineage, sync):
        traced = lineage.tracer.column(sync.feed_id, column)
        tables = {_table_of(lineage, path[0].node) for path in traced.sources if path[0].how is not How.DERIVED}
        hashed = column in destination.objects[sync.object].hashed_columns
        labels = ", ".join(one.carried.label for one in found.get(column, [])) or "none"
        deciding = {_table_of(lineage, path[0].node) for path in traced.sources}
        told = ", ".join(sorted(tables)) or (
            f"decided by {', '.join(sorted(deciding))}" if deciding else "made by weft"
        )
        rows.append((column, labels, "hashed" if hashed else "plain", told))
    yield from _table(("field", "labels", "sent", "from"), rows)
    for one in found.get("", []):
        yield ""
        yield f"Who is in it is decided by values labelled {one.carried.label}."


def _sources(lineage: ProjectLineage) -> Iterator[str]:
    """Yield what is read of each raw table that reaches a destination, and who gets it."""
    reached: dict[str, dict[str, set[str]]] = {}
    for sync in lineage.syncs:
        for column in sent_columns(lineage, sync):
            for path in lineage.tracer.column(sync.feed_id, column).sources:
                if path[0].how is not How.DERIVED:
                    columns = reached.setdefault(path[0].node, {})
                    columns.setdefault(path[0].column, set()).add(sync.name)
    rows = []
    for node in sorted(reached, key=lambda one: _table_of(lineage, one)):
        for column, syncs in sorted(reached[node].items()):
            declared = lineage.tracer.declared.get((node, column))
            labels = ", ".join(sorted(declared.labels)) if declared and declared.labels else "none"
            rows.append((_table_of(lineage, node), column, labels, ", ".join(sorted(syncs))))
    yield from _table(("table", "column", "labels", "reaches"), rows)


def _table_of(lineage: ProjectLineage, node: str) -> str:
    found = lineage.manifest.nodes[node]
    return f"{found.raw['source_name']}.{found.name}" if found.kind == "source" else found.name


def _bracketed(text: object) -> str:
    return f"({text})" if text else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
