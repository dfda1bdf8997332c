"""``weft sources``: what each source pack brought, what became of its rows, and how fresh its raw tables are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from warehouse.errors import ConfigError
from weft.output import JsonOption, as_json, note, table
from weft.session import Session

if TYPE_CHECKING:
    from warehouse.base import Relation

_MODELS = ("source_quality", "source_freshness", "quarantine")
_ROWS = """
select source, contract, rows_in, rows_used, rows_quarantined, rows_left_out, newest_at
from source_quality order by source, contract
"""
_REASONS = """
select source, contract, raw_table, reason, cast(sum(count_rows) as bigint) as count_rows, max(seen_at) as newest_at
from quarantine group by source, contract, raw_table, reason order by source, contract, raw_table, reason
"""
_TABLES = """
select source, raw_table, count_rows, newest_at, max_age_hours, is_late, rows_last_day, rows_usual, is_unusual
from source_freshness order by source, raw_table
"""


def sources(json: JsonOption = False) -> None:
    """Show the rows that each source pack brought, how many are used and why others are not, and how fresh they are."""
    from warehouse.sql import statement

    session = Session()
    relations = _relations(session)
    with session.warehouse() as warehouse:
        rows = warehouse.query(statement(_ROWS, relations))
        reasons = warehouse.query(statement(_REASONS, relations))
        tables = warehouse.query(statement(_TABLES, relations))
    if json:
        as_json({"contracts": rows, "quarantine": reasons, "raw_tables": tables})
        return
    if not rows and not tables:
        note("No source pack brought a row; `vars: sources:` in dbt_project.yml switches packs on.")
        return
    counted = [tuple(row.values()) for row in rows]
    table(("source", "contract", "in", "used", "quarantined", "left out", "newest"), counted, title="rows by contract")
    table(
        ("source", "contract", "raw table", "reason", "rows", "newest"),
        [tuple(row.values()) for row in reasons],
        title="in quarantine",
        empty="nothing",
    )
    table(
        ("source", "raw table", "rows", "newest", "may be old (h)", "late", "last day", "usual", "unusual"),
        [tuple(_shown(row).values()) for row in tables],
        title="raw tables",
        empty="no raw table says when its rows were loaded",
    )


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A raw table without what is as it should be: a yes stands out, a column of noes does not."""
    return {name: "" if value is False else value for name, value in row.items()}


def _relations(session: Session) -> dict[str, Relation]:
    nodes = {name: session.manifest.model(name) for name in _MODELS}
    missing = [name for name, node in nodes.items() if node is None]
    if missing:
        raise ConfigError(
            f"The project has no model {missing[0]!r}, which this command reads.",
            where="models/quality",
            fix="Restore it.",
        )
    return {name: node.relation for name, node in nodes.items() if node is not None}
