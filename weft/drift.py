"""``weft drift``: the destinations' own counts against what they confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from warehouse.errors import WeftError
from weft.output import JsonOption, as_json, note, table
from weft.session import Session

if TYPE_CHECKING:
    from reverse_etl.drift import Drift

OUTSIDE = 3  #: exit code: a person has to look, as with a guard
_COLUMNS = ("sync", "there", "held", "difference", "allowed", "verdict")


def drift(
    sync: Annotated[str | None, typer.Argument(help="The sync; all of them without it.")] = None,
    json: JsonOption = False,
) -> None:
    """Compare how many each destination says it holds with what it confirmed. Exit code 3 where it is too far off."""
    from reverse_etl.drift import measure

    session = Session()
    found: list[dict[str, Any]] = []
    errors: list[WeftError] = []
    with session.warehouse() as warehouse:
        for definition in session.chosen(sync):
            connection = session.connections[definition.connection]
            counts = connection.destination_class.objects[definition.object].counts  # else no secret is needed
            try:
                measured = measure(warehouse, definition, connection.open()) if counts else None
            except WeftError as error:
                note(f"{definition.name}: {error}")
                errors.append(error)
            else:
                found.append(_line(definition.name, measured))
    if json:
        as_json(found)
    else:
        table(_COLUMNS, [_row(line) for line in found], title="drift", empty="there are no syncs")
    outside = [line for line in found if line["verdict"] == "outside"]
    for line in outside:
        note(f"{line['sync']}: {_advice(line['sync'], line['difference'])}")
    if errors or outside:
        raise typer.Exit(max([error.exit_code for error in errors] + [OUTSIDE] * bool(outside)))


def _advice(sync: str, difference: int) -> str:
    if difference < 0:
        return f"some whom it confirmed are not there; `weft run {sync} --resync` sends everybody again"
    return (
        f"more are there than it confirmed; where the destination lists its members, `weft adopt {sync}` counts those "
        "who are unknown, and with --yes the next run of a mirror removes them"
    )


def _line(sync: str, measured: Drift | None) -> dict[str, Any]:
    """Return what was measured of a sync; where nothing was, the same fields without values."""
    if measured is None:
        fields = ("there_low", "there_high", "held_low", "held_high", "difference")
        return {"sync": sync, **dict.fromkeys(fields), "tolerance": "", "is_outside": False, "verdict": "not told"}
    verdict = "outside" if measured.is_outside else "within" if measured.tolerance else "no limit"
    return measured.to_dict() | {"verdict": verdict}


def _row(line: dict[str, Any]) -> tuple[Any, ...]:
    there = _range(line["there_low"], line["there_high"])
    held = _range(line["held_low"], line["held_high"])
    return (line["sync"], there, held, line["difference"], line["tolerance"], line["verdict"])


def _range(low: int | None, high: int | None) -> int | str | None:
    return low if low == high else f"{low:,} to {high:,}"
