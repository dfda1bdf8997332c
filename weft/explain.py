"""``weft explain``: why two identifiers are one person or are not, and what became of one identifier's person."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from warehouse.errors import ConfigError
from weft.identity import DECISION, decision_row
from weft.output import JsonOption, as_json, counted, note, table
from weft.profile import normalised, normalisers
from weft.session import Session

if TYPE_CHECKING:
    from identity.graph import Identifier, Sighting
    from identity.person import Portrait
    from identity.tables import Tables
    from identity.why import Answer

_PROFILE = "profile_id"
_SHOWN = 200  #: identifiers of a person that a terminal shows
_EVIDENCE = (
    *("from", "to", "holds", "rule", "source", "record_id", "count_records", "first_seen_at", "last_seen_at", "weight"),
    "reason",
)
_CHANGES = (
    *("batch", "changed_at", "kind", "profile_id_from", "profile_id_into", "count_identifiers"),
    *("cause", "cause_rule", "cause_source", "cause_reason"),
)


def explain(
    identifier: Annotated[str, typer.Argument(metavar="TYPE:VALUE", help="For example email:ada@example.com")],
    other: Annotated[
        str | None, typer.Argument(metavar="[TYPE:VALUE]", help="Another: what connects the two, or keeps them apart?")
    ] = None,
    country: Annotated[str | None, typer.Option(help="Country of a national phone number, such as DE.")] = None,
    json: JsonOption = False,
) -> None:
    """Show the evidence between two identifiers, or the person of one: its identifiers, merges, splits and refusals.

    An identifier can be a profile, too: profile_id:VALUE, also one that was merged into another.
    """
    from identity.person import portrait
    from identity.tables import Tables, locate
    from identity.why import why
    from reverse_etl.clock import Clock

    session = Session()
    known = normalisers(session)
    first = normalised(identifier, country, known)
    second = normalised(other, country, known) if other is not None else None
    relations = locate(session.manifest)
    with session.warehouse() as warehouse:
        tables = Tables(warehouse, relations)
        start = look_up(tables, *first)
        if second is None:
            shown = portrait(tables, start)
        else:
            end = look_up(tables, *second)
            if start.identifier == end.identifier:
                raise ConfigError(
                    "Both are the same identifier.", where="the arguments", fix="Name two that differ, or one alone."
                )
            answer = why(tables, start, end, Clock().now())
    if second is None:
        _person(shown, json=json)
    else:
        _two(answer, json=json)


def look_up(tables: Tables, kind: str, value: str) -> Sighting:
    """Return what is known of an identifier.

    Raises:
        ConfigError: No source ever mentioned it. The message does not repeat it.
    """
    from identity.graph import Identifier, find
    from identity.person import of_profile

    identifier = of_profile(tables, value) if kind == _PROFILE else Identifier(kind, value)
    known = find(tables, identifier) if identifier else None
    if known is not None:
        return known
    if kind == _PROFILE:
        raise ConfigError(
            "There is no such profile, and none was ever merged away under this id.",
            where="identity_map, identity_aliases",
            fix="Check it.",
        )
    types = sorted(
        row["identifier_type"]
        for row in tables.ask(
            "select identifier_type from identity_map union select identifier_type from identity_blocked"
        )
    )
    if kind not in types:
        raise ConfigError(
            f"There are no identifiers of type {kind!r}.",
            where="identity_map",
            fix=f"Use one of: {', '.join([*types, _PROFILE])}.",
        )
    raise ConfigError(f"No source ever mentioned this {kind}.", where="identity_map", fix="Check it, and its spelling.")


def _two(answer: Answer, *, json: bool) -> None:
    from weft.explained import draw, in_words, separation_in_words

    if json:
        as_json(_two_as_json(answer))
    elif sys.stdout.isatty():
        draw(answer)
    else:
        rows = [
            (link.a, link.b, link.holds, *(edge[name] for name in _EVIDENCE[3:10]), "; ".join(link.reasons()))
            for link in answer.links or ()
            for edge in link.evidence
        ]
        table(_EVIDENCE, rows)
        for line in (*in_words(answer), *separation_in_words(answer)):
            note(line)


def _two_as_json(answer: Answer) -> dict[str, Any]:
    separation = answer.separation
    return {
        "is_one": answer.is_one,
        "a": sighting_as_json(answer.start),
        "b": sighting_as_json(answer.end),
        "chain": None if answer.links is None else [link.to_dict() for link in answer.links],
        "search_gave_up": answer.gave_up,
        "separation": separation
        and {
            "links": [link.to_dict() for link in separation.links],
            "exclude_would_refuse": [link.to_dict() for link in separation.refused],
        },
        "decisions": [each.to_dict() for each in answer.decisions],
    }


def sighting_as_json(sighting: Sighting) -> dict[str, Any]:
    """Return what is known of one identifier, as it is printed as JSON."""
    return sighting.identifier.to_dict() | {
        "profile_id": sighting.profile_id,
        "first_seen_at": sighting.first_seen_at,
        "last_seen_at": sighting.last_seen_at,
        "is_seen": sighting.is_seen,
        "blocked_because": sighting.blocked_because,
        "shared_because": sighting.shared_because,
    }


def _person(shown: Portrait, *, json: bool) -> None:
    from identity.why import refusal_in_words
    from weft.explained import of_one

    if json:
        as_json(_person_as_json(shown))
        return
    for line in of_one(shown.sighting):
        note(line)
    listed = ("identifier_type", "identifier_value", "first_seen_at", "last_seen_at")
    identifiers = [tuple(row[name] for name in listed) for row in shown.identifiers]
    if sys.stdout.isatty() and len(identifiers) > _SHOWN:  # a pipe gets them all
        note(f"the {_SHOWN:,} oldest of {counted(len(identifiers), 'identifier')}; --json lists them all")
        identifiers = identifiers[:_SHOWN]
    table(listed, identifiers, title="identifiers", empty="none")
    table(
        ("this identifier's links", "links"), [tuple(row.values()) for row in shown.links], title="links", empty="none"
    )
    changes = [tuple(_cause(row) if name == "cause" else row.get(name) for name in _CHANGES) for row in shown.changes]
    table(_CHANGES, changes, title="merges and splits", empty="none")
    refused = [(a, b, refusal_in_words(refusal)) for a, b, refusal in shown.refusals]
    table(("from", "to", "why"), refused, title="refused links", empty="none")
    decisions = [decision_row(each) for each in shown.decisions]
    table(DECISION, decisions, title="decisions in force", empty="none")


def _cause(row: dict[str, Any] | Any) -> str | None:
    ends = [row[end] for end in ("cause_a", "cause_b")]
    return None if None in ends else " and ".join(f"{end['identifier_type']}:{end['identifier_value']}" for end in ends)


def _person_as_json(shown: Portrait) -> dict[str, Any]:
    def pair(a: Identifier, b: Identifier) -> dict[str, Any]:
        return {"a": a.to_dict(), "b": b.to_dict()}

    return sighting_as_json(shown.sighting) | {
        "identifiers": list(shown.identifiers),
        "links": list(shown.links),
        "former_profiles": list(shown.former),
        "changes": list(shown.changes),
        "refusals": [
            pair(a, b) | {"limit_type": refusal.limit_type, "limit_max": refusal.limit_max}
            for a, b, refusal in shown.refusals
        ],
        "decisions": [each.to_dict() for each in shown.decisions],
    }
