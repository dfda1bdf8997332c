"""``weft profile``: everything that is known of one person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from warehouse.errors import ConfigError
from weft.output import JsonOption, as_json, table
from weft.session import Session

if TYPE_CHECKING:
    from warehouse.base import Relation, Warehouse

_MODELS = (
    *("identity_map", "identity_aliases", "profiles", "profile_sources", "segment_memberships", "profile_consents"),
    "suppressions",
)
_PERSON = "select profile_id from identity_map where identifier_type = :kind and identifier_value = :value"
_PROFILE = "profile_id"  # not in identity_map, but what profiles, feeds and the ledger call a person
_BY_ID = """
select profile_id from identity_map where :kind = 'profile_id' and profile_id = :value
union select profile_id from identity_aliases where former_profile_id = :value
"""
_PARTS = {
    "profile": "select * from profiles where profile_id = :person",
    "sources": """
        select attribute, source, observed_at, rule, count_candidates from profile_sources
        where profile_id = :person order by attribute
    """,
    "identifiers": """
        select identifier_type, identifier_value, first_seen_at, last_seen_at from identity_map
        where profile_id = :person order by identifier_type, identifier_value
    """,
    "segments": "select segment, entered_at from segment_memberships where profile_id = :person order by segment",
    "consents": "select purpose, status, decided_at from profile_consents where profile_id = :person order by purpose",
    "suppressions": """
        select identifier_type, identifier_value, reason, suppressed_at from suppressions
        where profile_id = :person order by identifier_type, identifier_value
    """,
}
#: What is asked as of a past moment, and the order of its rows.
_PAST = {
    "profile": ("profiles", ()),
    "sources": ("profile_sources", ("attribute",)),
    "consents": ("profile_consents", ("purpose",)),
    "suppressions": ("suppressions", ("identifier_type", "identifier_value")),
}
_SOURCE = ("source", "observed_at", "rule", "count_candidates")
_SYNCS = """
select sync_name, applied_at, row_hash is not null as is_held, job_id is not null as is_waiting, quarantined_code
from sync_state where profile_id = :person order by sync_name
"""


def profile(
    identifier: Annotated[str, typer.Argument(metavar="TYPE:VALUE", help="For example email:ada@example.com")],
    country: Annotated[str | None, typer.Option(help="Country of a national phone number, such as DE.")] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="MOMENT", help="As it was known then, such as 2026-01-31T12:00Z.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show one person: attributes and their sources, identifiers, segments, consents, what each destination holds.

    As of a past moment: attributes, segments, consents and suppressions as they were known then, of who is known today
    to be this person. Nothing is written.
    """
    session = Session()
    kind, value = normalised(identifier, country, normalisers(session))
    relations = located(session, *_MODELS)
    if as_of is None:
        with session.warehouse() as warehouse:
            answer = look_up(warehouse, relations, kind, value)
    else:
        answer = _as_of(session, relations, kind, value, as_of)
    if json:
        as_json(answer)
        return
    _show(answer)


def _show(answer: dict[str, Any]) -> None:
    moment = answer.pop("as_of", None)
    sources = {row["attribute"]: row for row in answer.pop("sources")}
    shown = [
        (name, value, *(sources.get(name, {}).get(part) for part in _SOURCE[:2]))
        for name, value in answer.pop("profile").items()
        if value is not None
    ]
    title = f"profile {answer.pop('profile_id')}" + (f" as of {moment.isoformat(sep=' ')}" if moment else "")
    table(("attribute", "value", *_SOURCE[:2]), shown, title=title, empty="no attributes are kept")
    for name, rows in answer.items():
        columns = list(rows[0]) if rows else ["nothing"]
        table(columns, [tuple(row.values()) for row in rows], title=name, empty="none")


def normalisers(session: Session) -> Mapping[str, str]:
    """Return the normaliser of each identifier type, as the project's rules have it."""
    node = session.manifest.model("identity_rules")
    found: Mapping[str, str] = node.meta.get("normalisers", {}) if node else {}
    return found


def normalised(identifier: str, country: str | None, normalisers: Mapping[str, str]) -> tuple[str, str]:
    """Return the type and the value of ``TYPE:VALUE``, the value in the form in which the warehouse keeps it.

    Args:
        identifier: As it was typed.
        country: ISO 3166 code, of a national phone number.
        normalisers: Of each identifier type, see :func:`normalisers`; ``default`` is that of all others.

    Raises:
        ConfigError: It has no colon, or is not a valid address or number. The message does not repeat it.
    """
    from reverse_etl.normalise import NORMALISERS, normalise_identifier

    kind, colon, given = identifier.partition(":")
    kind = kind.strip().lower()
    if not (kind and colon and given.strip()):
        raise ConfigError("An identifier is written TYPE:VALUE.", where="the argument", fix="For example user_id:1042.")
    default = kind if kind in NORMALISERS else normalisers.get("default", "text")
    normaliser = "text" if kind == _PROFILE else normalisers.get(kind, default)
    value = normalise_identifier(given, normaliser, country.upper() if country else None)
    if value is None:
        hint = "; a national number needs --country" if normaliser == "phone" else ""
        raise ConfigError(f"That is not a valid {kind}.", where="the argument", fix=f"Check it{hint}.")
    return kind, value


def person_of(warehouse: Warehouse, relations: dict[str, Relation], kind: str, value: str) -> str:
    """Return the ``profile_id`` of the person who has an identifier.

    Raises:
        ConfigError: Nobody has it, or the warehouse has no such type of identifier.
    """
    from warehouse.sql import statement

    sql = _BY_ID if kind == _PROFILE else _PERSON
    found = warehouse.query(statement(sql, relations, kind=kind, value=value))
    if not found:
        types = warehouse.query(statement("select distinct identifier_type from identity_map", relations))
        known = sorted(row["identifier_type"] for row in types)
        if kind == _PROFILE:
            known.append(_PROFILE)
        if kind not in known:
            raise ConfigError(
                f"There are no identifiers of type {kind!r}.",
                where="identity_map",
                fix=f"Use one of: {', '.join(known)} or {_PROFILE}.",
            )
        raise ConfigError(
            f"Nobody has this {kind}.",
            where="identity_map",
            fix="Check it; values that name nobody are listed in seeds/blocked_identifiers.csv.",
        )
    return str(found[0]["profile_id"])


def look_up(warehouse: Warehouse, relations: dict[str, Relation], kind: str, value: str) -> dict[str, Any]:
    """Return what is known of the person who has an identifier.

    Raises:
        ConfigError: Nobody has it, or the warehouse has no such type of identifier.
    """
    from reverse_etl import tables
    from warehouse.sql import statement

    person = person_of(warehouse, relations, kind, value)
    answer: dict[str, Any] = {"profile_id": person}
    for name, sql in _PARTS.items():
        answer[name] = warehouse.query(statement(sql, relations, person=person))
    answer["profile"] = answer["profile"][0] if answer["profile"] else {}
    answer["syncs"] = tables.ask(warehouse, _SYNCS, person=person) if tables.exist(warehouse) else []
    return answer


def _as_of(session: Session, relations: dict[str, Relation], kind: str, value: str, given: str) -> dict[str, Any]:
    from warehouse.compiled import compile_project
    from weft.past import READ, Past, parse_moment

    moment = parse_moment(given)
    compiled = compile_project(session.root, moment)
    with session.warehouse() as warehouse:
        person = person_of(warehouse, relations, kind, value)
        past = Past(session.manifest, compiled, located(session, *READ), person, moment)
        answer: dict[str, Any] = {"profile_id": person, "as_of": moment}
        answer |= {name: past.ask(warehouse, model, order) for name, (model, order) in _PAST.items()}
        answer["segments"] = past.segments(warehouse)
    answer["profile"] = answer["profile"][0] if answer["profile"] else {}
    answer["sources"] = [{name: row[name] for name in ("attribute", *_SOURCE)} for row in answer["sources"]]
    return answer


def located(session: Session, *models: str) -> dict[str, Relation]:
    """Return where models are that a command reads.

    Raises:
        ConfigError: The project lacks one of them.
    """
    nodes = {name: session.manifest.model(name) for name in models}
    missing = [name for name, node in nodes.items() if node is None]
    if missing:
        raise ConfigError(
            f"The project has no model {missing[0]!r}, which this command reads.", where="models/", fix="Restore it."
        )
    return {name: node.relation for name, node in nodes.items() if node is not None}
