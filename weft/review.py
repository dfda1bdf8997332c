"""``weft identity review``: shows probable links that need a person, side by side, and takes the decision."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.errors import ConfigError
from weft.output import JsonOption, as_json, counted, note, table
from weft.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from identity.probable.pairs import Decision
    from identity.probable.review import Pair
    from warehouse.base import Relation

_ANSWERS: dict[str, Decision] = {"a": "accepted", "r": "rejected"}
_Ids = list[str]


def review(
    accept: Annotated[_Ids | None, typer.Option(metavar="ID", help="They are one person. May be repeated.")] = None,
    reject: Annotated[_Ids | None, typer.Option(metavar="ID", help="They are two. May be repeated.")] = None,
    reopen: Annotated[_Ids | None, typer.Option(metavar="ID", help="Take a decision back. May be repeated.")] = None,
    most: Annotated[int, typer.Option("--limit", min=1, help="How many pairs to show.")] = 20,
    listed: Annotated[bool, typer.Option("--list", help="Show them all at once and ask nothing.")] = False,
    json: JsonOption = False,
) -> None:
    """Go through the pairs that are probably one person, but not certainly enough to be linked without asking.

    On a terminal it asks about one after the other; elsewhere, and with --list, it prints them. It shows names and
    addresses.
    """
    from identity.probable import review as queue
    from identity.probable.score import check_built
    from identity.probable.settings import load, locate
    from reverse_etl.clock import Clock
    from weft.identity import deciding_user

    session = Session()
    settings, relations = load(session.manifest), locate(session.manifest)
    given: list[tuple[Decision | None, _Ids]] = [
        ("accepted", accept or []),
        ("rejected", reject or []),
        (None, reopen or []),
    ]
    named = [each for _, ids in given for each in ids]
    if len(named) != len(set(named)):
        raise ConfigError("A pair is named twice.", where="the options", fix="Decide about each once.")
    if named:
        user, now = deciding_user(), Clock().now()
        with session.warehouse() as warehouse:
            check_built(warehouse, relations)
            # Of all that was asked for, everything is written or nothing.
            with warehouse.transaction():
                for decision, ids in given:
                    queue.decide(warehouse, relations, ids, decision, user, now)
        if json:
            as_json({str(decision or "reopened"): ids for decision, ids in given})
        else:
            _ended(len(named), enabled=settings.enabled)
        return
    with session.warehouse() as warehouse:
        check_built(warehouse, relations)
        pairs, count = queue.waiting(warehouse, relations, settings, most)
    if json:
        as_json({"waiting": count, "pairs": [pair.to_dict() for pair in pairs]})
    elif not pairs:
        note("no pair waits for a decision")
    elif listed or not (sys.stdin.isatty() and sys.stdout.isatty()):
        _list(pairs)
        note(f"{counted(count, 'pair')} {'waits' if count == 1 else 'wait'} for a decision: --accept ID, --reject ID")
    else:
        _ask(session, relations, pairs, count, enabled=settings.enabled)


def _ask(session: Session, relations: Mapping[str, Relation], pairs: list[Pair], count: int, *, enabled: bool) -> None:
    """Ask about one pair after the other; each answer is written at once, so that none is lost."""
    from identity.probable.review import decide
    from reverse_etl.clock import Clock
    from weft.identity import deciding_user

    user, decided = deciding_user(), 0
    for number, pair in enumerate(pairs, 1):
        _show(pair)
        answer = (
            typer.prompt(
                f"{number} of {count}: one person? [a]ccept, [r]eject, [s]kip, [q]uit",
                default="s",
                show_default=False,
                err=True,
            )
            .strip()
            .lower()[:1]
        )
        if answer == "q":
            break
        if answer in _ANSWERS:
            # Opened anew for each: nobody else could use a DuckDB file while a question is open.
            with session.warehouse() as warehouse, warehouse.transaction():
                decided += decide(warehouse, relations, [pair.id], _ANSWERS[answer], user, Clock().now())
    _ended(decided, enabled=enabled)


def _list(pairs: list[Pair]) -> None:
    if sys.stdout.isatty():
        for pair in pairs:
            _show(pair)
        return
    rows = [(pair.id, pair.weight, *line) for pair in pairs for line in _sides(pair)]
    table(("id", "probability", "attribute", "first", "second", "verdict"), rows)


def _show(pair: Pair) -> None:
    table(("", "first", "second", "verdict"), _sides(pair), title=f"{pair.id}  probability {pair.weight:.3f}")


def _sides(pair: Pair) -> list[tuple[str, str | None, str | None, str]]:
    return [
        ("identifier", ":".join(pair.a), ":".join(pair.b), "differs"),
        *((each.name, each.first, each.second, each.verdict) for each in pair.attributes),
        ("profile", pair.person_a, pair.person_b, "same" if pair.person_a == pair.person_b else "differs"),
    ]


def _ended(decided: int, *, enabled: bool) -> None:
    if not decided:
        note("nothing was decided")
    elif enabled:
        note(f"decided: {counted(decided, 'pair')}; it takes effect with the next `dbt build`")
    else:
        note(f"decided: {counted(decided, 'pair')}; it is kept, and counts once identity_probable is enabled")
