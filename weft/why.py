"""``weft why``: why a person is in a segment or is not, condition by condition."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from weft.output import JsonOption, as_json, counted, note, table
from weft.profile import located, normalised, normalisers, person_of
from weft.session import Session

if TYPE_CHECKING:
    from segments.evidence import Behind
    from segments.why import Explained, Verdict

_STAYS = """
select entered_at, exited_at, reason from segment_history
where segment = $segment and profile_id = $person order by entered_at desc
"""
_WORDS = {True: "yes", False: "no", None: "-"}
_NOUNS = {"events": "event", "consents": "consent", "statement": "statement"}
_STYLES = {True: "green", False: "bold red", None: "dim"}


def why(
    identifier: Annotated[str, typer.Argument(metavar="TYPE:VALUE", help="For example email:ada@example.com")],
    segment: Annotated[str, typer.Argument(metavar="SEGMENT", help="The segment, with seg_ or without.")],
    country: Annotated[str | None, typer.Option(help="Country of a national phone number, such as DE.")] = None,
    json: JsonOption = False,
) -> None:
    """Show which conditions of a segment hold for a person, with the person's values and what they were made from."""
    from reverse_etl.tables import relations as engine_tables
    from segments.catalogue import built_at, find, load
    from segments.evidence import evidence
    from segments.why import explain
    from warehouse.compiled import compile_project
    from warehouse.project import run_moment
    from warehouse.sql import statement

    session = Session()
    one = find(load(session.manifest), segment)
    kind, value = normalised(identifier, country, normalisers(session))
    tables = located(session, "identity_map", "identity_aliases", "segment_history")
    compile_project(session.root)  # before DuckDB's file is open here: dbt would be kept out
    with session.warehouse() as warehouse:
        person = person_of(warehouse, tables, kind, value)
        as_of = built_at(warehouse, one.node, engine_tables(warehouse)["dbt_results"]) or run_moment()
        models = compile_project(session.root, as_of)
        steps = explain(warehouse, models[one.node.unique_id], person)
        stays = warehouse.query(statement(_STAYS, tables, segment=one.name, person=person))
        behind = evidence(warehouse, session.manifest, models, steps, person, as_of)
    answer = {
        "segment": one.name,
        "profile_id": person,
        "as_of": as_of,
        "is_member": any(stay["exited_at"] is None for stay in stays) if one.is_followed else None,
        "steps": [step.to_dict() for step in steps],
        "sources": [each.to_dict() for each in behind],
        "stays": stays,
    }
    if json:
        as_json(answer)
    elif sys.stdout.isatty():
        _draw(answer, steps, behind)
    else:
        note(_verdict(answer))
        table(("step", "holds", "condition", "rows", "values"), [row for step in steps for row in _rows(step)])


def _verdict(answer: dict[str, Any]) -> str:
    moment = answer["as_of"].isoformat(sep=" ", timespec="minutes")
    name, stays = answer["segment"], answer["stays"]
    if answer["is_member"]:
        return f"In {name} at {moment}, since {stays[0]['entered_at'].isoformat(sep=' ', timespec='minutes')}."
    if stays:
        left = stays[0]["exited_at"].isoformat(sep=" ", timespec="minutes")
        return f"Not in {name} at {moment}; left at {left} ({stays[0]['reason']})."
    if answer["is_member"] is None:
        return f"The segment {name} is not followed, so nobody's stays in it are known; this is as of {moment}."
    return f"Not in {name} at {moment}, and never was since it is followed."


def _rows(step: Explained) -> Iterator[tuple[str, str, str, str, str]]:
    for depth, verdict in _listed(step.verdicts):
        rows = f"{verdict.count_holds} of {verdict.count_rows}" if verdict.count_rows > 1 else ""
        text = verdict.text or f"{verdict.needs} of:"
        yield step.name, _WORDS[verdict.holds], "  " * depth + text, rows, _values(verdict.values)
    for made in step.made:
        yield step.name, "", f"{made.column} = {made.text}", "", _values({made.column: made.value, **made.inputs})


def _listed(verdicts: Sequence[Verdict], depth: int = 0) -> Iterator[tuple[int, Verdict]]:
    for verdict in verdicts:
        yield depth, verdict
        yield from _listed(verdict.parts, depth + 1)


def _values(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {_value(value)}" for name, value in values.items())


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="minutes")
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _draw(answer: dict[str, Any], steps: Sequence[Explained], behind: Sequence[Behind]) -> None:
    console = Console(highlight=False)
    console.print(Text(_verdict(answer), "bold green" if answer["is_member"] else "bold yellow"), soft_wrap=True)
    for step in steps:
        console.print(Text(f"\n{step.name}", "bold") + Text(f"  reads {', '.join(step.reads)}", "dim"))
        for depth, verdict in _listed(step.verdicts):
            line = Text("  " * (depth + 1)) + Text(f"{_WORDS[verdict.holds]:4}", _STYLES[verdict.holds])
            line += Text(verdict.text or f"{verdict.needs} of:")
            if verdict.count_rows > 1:
                line += Text(f"  holds for {verdict.count_holds:,} of {verdict.count_rows:,} rows", "dim")
            console.print(line, soft_wrap=True)
            if verdict.values:
                console.print(Text("  " * (depth + 1) + f"      {_values(verdict.values)}", "dim"), soft_wrap=True)
        for made in step.made:
            console.print(Text(f"  {made.column} = {made.text}"), soft_wrap=True)
            inputs = _values({made.column: made.value, **made.inputs})
            console.print(Text(f"        {inputs}", "dim"), soft_wrap=True)
        if any(verdict.holds is None for verdict in step.verdicts):
            console.print(Text("  -   not asked: no row of this person gets here", "dim"))
    for each in behind:
        console.print()
        title = f"behind {', '.join(each.columns)}: {counted(each.count, _NOUNS[each.what])}"
        title += f", the newest {len(each.rows)}" if each.count > len(each.rows) else ""
        table(list(each.rows[0]) if each.rows else ["nothing"], [tuple(row.values()) for row in each.rows], title=title)
