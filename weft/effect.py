"""What a decision about identities would do, for people to look at: persons, links, and who holds the profiles now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from weft.output import counted, note, table
from weft.session import Session

if TYPE_CHECKING:
    from identity.graph import Node
    from identity.greedy import Refusal
    from identity.preview import Effect
    from warehouse.base import Warehouse

_SHOWN = 50  #: rows of a list that are shown; --json has them all
_LISTED = 1_000  #: profiles in one list of a statement
_SEGMENTS = "select segment, profile_id from segment_memberships as held where $chosen order by segment, profile_id"
_SYNCS = """
select sync_name, profile_id, count(*) as count_rows from sync_state as held
where $chosen and row_hash is not null group by sync_name, profile_id order by sync_name, profile_id
"""


def as_dict(session: Session, warehouse: Warehouse, effect: Effect) -> dict[str, Any]:
    """Return an effect as it is printed as JSON, with the segments and syncs that hold the touched profiles now."""
    profiles = [each.profile_id for each in effect.persons if each.before]
    return {
        "profiles": [
            {
                "profile_id": each.profile_id,
                "fate": each.fate,
                "identifiers_before": each.before,
                "identifiers": each.after,
            }
            for each in effect.persons
        ],
        "moves": [
            each.node.identifier.to_dict()
            | {"profile_id_from": each.profile_from, "profile_id_into": each.profile_into}
            for each in effect.moves
        ],
        "links_refused": [_refusal(each, effect.nodes) for each in effect.refused],
        "links_no_longer_refused": [_refusal(each, effect.nodes) for each in effect.freed],
        "overruled": [each.to_dict() for each in effect.overruled],
        "others_wait": effect.waiting,
        "segments": _segments(session, warehouse, profiles),
        "syncs": _syncs(warehouse, profiles),
    }


def _refusal(refusal: Refusal, nodes: Any) -> dict[str, Any]:
    ends: tuple[Node, Node] = nodes[refusal.a], nodes[refusal.b]
    return {
        "a": ends[0].identifier.to_dict(),
        "b": ends[1].identifier.to_dict(),
        "limit_type": refusal.limit_type,
        "limit_max": refusal.limit_max,
    }


def _segments(session: Session, warehouse: Warehouse, profiles: list[str]) -> list[dict[str, Any]]:
    from warehouse.sql import statement

    model = session.manifest.model("segment_memberships")
    if model is None or not warehouse.columns(model.relation):
        return []
    held = {"segment_memberships": model.relation}
    return [row for chosen in _any_of(profiles) for row in warehouse.query(statement(_SEGMENTS, held, chosen=chosen))]


def _syncs(warehouse: Warehouse, profiles: list[str]) -> list[dict[str, Any]]:
    from reverse_etl import tables

    if not tables.exist(warehouse):
        return []
    return [row for chosen in _any_of(profiles) for row in tables.ask(warehouse, _SYNCS, chosen=chosen)]


def _any_of(profiles: list[str]) -> list[exp.Expr]:
    some = (profiles[start : start + _LISTED] for start in range(0, len(profiles), _LISTED))
    return [exp.column("profile_id", table="held").isin(*each) for each in some]


def show(answer: dict[str, Any], title: str) -> None:
    """Show an effect: tables on a terminal, and in a pipe lines."""
    profiles = [tuple(row.values()) for row in answer["profiles"]]
    columns = ("profile", "afterwards", "identifiers now", "identifiers then")
    _some(columns, profiles, title=f"{title}: persons", empty="nobody's person changes")
    moves = [(_name(row), row["profile_id_from"], row["profile_id_into"]) for row in answer["moves"]]
    _some(("identifier", "from profile", "into profile"), moves, title="identifiers that move", empty="none")
    refused = [
        (_name(row["a"]), _name(row["b"]), becomes, row["limit_type"], row["limit_max"])
        for name, becomes in (("links_refused", "refused"), ("links_no_longer_refused", "no longer refused"))
        for row in answer[name]
    ]
    _some(("from", "to", "becomes", "by", "limit"), refused, title="links", empty="none is refused or freed")
    held = [("segment", row["segment"], row["profile_id"]) for row in answer["segments"]]
    held += [("sync", row["sync_name"], row["profile_id"]) for row in answer["syncs"]]
    _some(("held by", "name", "profile"), held, title="who holds these profiles now", empty="no segment and no sync")
    for each in answer["overruled"]:
        note(
            f"contradiction: {each['override_id']} ({each['kind']} {_name(each['a'])} {_name(each['b'])}, by "
            f"{each['decided_by']}) has no effect: of decisions that contradict each other the later one counts"
        )
    if answer["others_wait"]:
        note("the next dbt run also applies decisions that it does not know yet; they are counted in, not shown")


def _some(columns: tuple[str, ...], rows: list[tuple[Any, ...]], *, title: str, empty: str) -> None:
    table(columns, rows[:_SHOWN], title=title, empty=empty)
    if len(rows) > _SHOWN:
        note(f"{counted(len(rows) - _SHOWN)} more; --json lists them all")


def _name(identifier: dict[str, str]) -> str:
    return f"{identifier['identifier_type']}:{identifier['identifier_value']}"
