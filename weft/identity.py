"""``weft identity``: decisions by hand about who is one person, each shown in advance and to be undone."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from warehouse.errors import ConfigError
from weft.output import JsonOption, as_json, note, table
from weft.profile import normalised, normalisers
from weft.session import Session

if TYPE_CHECKING:
    from identity.overrides import Decision, Kind

app = typer.Typer(
    help="Who is one person: decisions by hand, each shown before it is written, and links that are probable.",
    no_args_is_help=True,
)
DECISION = ("id", "kind", "a", "b", "because", "decided_by", "decided_at")  #: the columns of a decision

_First = Annotated[str, typer.Argument(metavar="TYPE:VALUE", help="One identifier, such as email:ada@example.com")]
_Second = Annotated[str, typer.Argument(metavar="TYPE:VALUE", help="The other.")]
_Because = Annotated[str, typer.Option("--because", metavar="WHY", help="The reason; it is kept with the decision.")]
_Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
_Dry = Annotated[bool, typer.Option("--dry-run", "--preview", help="Only show what it would do.")]
_Unseen = Annotated[bool, typer.Option("--unseen", help="Take an identifier that no source has mentioned yet.")]
_Country = Annotated[str | None, typer.Option(help="Country of a national phone number, such as DE.")]


@app.command()
def exclude(
    a: _First,
    b: _Second,
    because: _Because,
    yes: _Yes = False,
    dry_run: _Dry = False,
    unseen: _Unseen = False,
    country: _Country = None,
    json: JsonOption = False,
) -> None:
    """Keep two identifiers apart: they are not one person. Shows what that does, asks, and writes it down."""
    _decide("exclude", (a, b), because, yes=yes, dry_run=dry_run, unseen=unseen, country=country, json=json)


@app.command()
def include(
    a: _First,
    b: _Second,
    because: _Because,
    yes: _Yes = False,
    dry_run: _Dry = False,
    unseen: _Unseen = False,
    country: _Country = None,
    json: JsonOption = False,
) -> None:
    """Put two identifiers together: they are one person. Shows what that does, asks, and writes it down."""
    _decide("include", (a, b), because, yes=yes, dry_run=dry_run, unseen=unseen, country=country, json=json)


@app.command()
def undo(
    override_id: Annotated[
        str, typer.Argument(metavar="ID", help="The decision, as `weft identity overrides` lists it.")
    ],
    yes: _Yes = False,
    dry_run: _Dry = False,
    json: JsonOption = False,
) -> None:
    """Take a decision back. Shows what that does, asks, and writes it down; the decision stays on record."""
    from identity import overrides, preview
    from identity.tables import Tables, locate
    from reverse_etl.clock import Clock
    from weft.effect import as_dict, show

    _can_ask(yes=yes, dry_run=dry_run, json=json)
    session = Session()
    relations = locate(session.manifest)
    with session.warehouse() as warehouse:
        tables = Tables(warehouse, relations)
        decision = overrides.one(tables, override_id)
        effect = preview.of_undoing(tables, decision)
        answer = as_dict(session, warehouse, effect) | {"undone": decision.to_dict(), "written": False}
    if not json:
        show(answer, f"to undo {decision.kind} {decision.a} {decision.b}")
    if dry_run or not _agreed(yes=yes):
        _ended(answer, json=json)
        return
    # Opened again: nobody else could use a DuckDB file while the question was open.
    with session.warehouse() as warehouse:
        overrides.undo(Tables(warehouse, relations), override_id, deciding_user(), Clock().now())
    _ended(answer | {"written": True}, json=json)


@app.command("overrides")
def listed(
    everything: Annotated[bool, typer.Option("--all", help="Also those that were undone.")] = False,
    json: JsonOption = False,
) -> None:
    """List the decisions in force, the oldest first."""
    from identity import overrides
    from identity.tables import Tables, locate

    session = Session()
    relations = locate(session.manifest)
    with session.warehouse() as warehouse:
        found = overrides.listed(Tables(warehouse, relations), undone=everything)
    if json:
        as_json([each.to_dict() for each in found])
        return
    rows = [(*decision_row(each), each.undone_by, each.undone_at) for each in found]
    columns = (*DECISION, "undone_by", "undone_at")
    table(columns, rows, title="decisions by hand", empty="none" if everything else "none is in force")


def decision_row(decision: Decision) -> tuple[Any, ...]:
    """Return a decision as a row of a table with the columns :data:`DECISION`."""
    return (
        decision.override_id,
        decision.kind,
        decision.a,
        decision.b,
        decision.because,
        decision.decided_by,
        decision.decided_at,
    )


def _decide(
    kind: Kind,
    named: tuple[str, str],
    because: str,
    *,
    yes: bool,
    dry_run: bool,
    unseen: bool,
    country: str | None,
    json: bool,
) -> None:
    from identity import overrides, preview
    from identity.graph import Identifier
    from identity.overrides import Decision
    from identity.tables import Tables, locate
    from reverse_etl.clock import Clock
    from weft.effect import as_dict, show

    if not because.strip():
        raise ConfigError("A decision needs its reason.", where="--because", fix='Say why: --because "…".')
    _can_ask(yes=yes, dry_run=dry_run, json=json)
    session = Session()
    a, b = (Identifier(*normalised(each, country, normalisers(session))) for each in named)
    now = Clock().now()
    new = Decision(overrides.new_id(now), kind, a, b, because.strip(), deciding_user(), now)
    relations = locate(session.manifest)
    with session.warehouse() as warehouse:
        tables = Tables(warehouse, relations)
        decision = overrides.check(tables, new, unseen=unseen)
        effect = preview.of_new(tables, decision)
        answer = as_dict(session, warehouse, effect) | {"decision": decision.to_dict(), "written": False}
    if not json:
        show(answer, f"{kind} {a} {b}")
    if dry_run or not _agreed(yes=yes):
        _ended(answer, json=json)
        return
    # Opened again: nobody else could use a DuckDB file while the question was open. What they wrote meanwhile counts.
    with session.warehouse() as warehouse:
        tables = Tables(warehouse, relations)
        now = Clock().now()
        overrides.write(tables, overrides.check(tables, replace(new, decided_at=now), unseen=unseen))
    _ended(answer | {"written": True}, json=json)


def _can_ask(*, yes: bool, dry_run: bool, json: bool) -> None:
    if yes or dry_run or (sys.stdin.isatty() and not json):
        return
    raise ConfigError(
        "It asks before it writes, and nobody can answer here.",
        where="--json" if json else "standard input, which is not a terminal",
        fix="Look at it with --dry-run, then write it with --yes.",
    )


def _agreed(*, yes: bool) -> bool:
    return yes or typer.confirm("Write it?", err=True)


def _ended(answer: dict[str, Any], *, json: bool) -> None:
    """Say what became of it."""
    if json:
        as_json(answer)
    elif not answer["written"]:
        note("nothing was written")
    elif "undone" in answer:
        note(f"undone: {answer['undone']['override_id']}; it takes effect with the next `dbt build`")
    else:
        name = answer["decision"]["override_id"]
        note(
            f"written: {name}; it takes effect with the next `dbt build`, and `weft identity undo {name}` takes it back"
        )


def deciding_user() -> str:
    """Return who decides: ``WEFT_USER``, or the user of the system.

    Raises:
        ConfigError: The system does not know.
    """
    import getpass

    try:
        return os.environ.get("WEFT_USER", "").strip() or getpass.getuser()
    except (KeyError, OSError):
        raise ConfigError(
            "The system does not say who you are, and a decision is kept with who made it.",
            where="the environment",
            fix="Set WEFT_USER.",
        ) from None
