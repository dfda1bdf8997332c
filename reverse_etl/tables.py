"""The engine's tables, in the schema ``<target schema>_engine``: created when missing, and only ever growing columns.

No keys or indexes: Snowflake does not enforce them, DuckDB pays for them on every commit, and the engine's statements
replace rows by key inside one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlglot import exp

from warehouse.base import Relation, Warehouse
from warehouse.sql import statement

_RUN = {
    "run_id": "varchar",
    "sync_name": "varchar",
    "status": "varchar",
    "mode": "varchar",
    "delivers_to": "varchar",
    "as_of": "timestamp",
    "started_at": "timestamp",
    "ended_at": "timestamp",
    "feed_rows": "bigint",
    "planned_add": "bigint",
    "planned_change": "bigint",
    "planned_remove": "bigint",
    "planned_merge": "bigint",
    "changed_by_mapping": "bigint",
    "blocked_consent": "bigint",
    "blocked_suppression": "bigint",
    "blocked_quarantine": "bigint",
    "blocked_waiting": "bigint",
    "blocked_in_doubt": "bigint",
    "blocked_merging": "bigint",
    # Counts as JSON: how many rows have what the vendor finds people by.
    "coverage": "varchar",
    "sent": "bigint",
    "applied": "bigint",
    "accepted": "bigint",
    "refused": "bigint",
    "transient": "bigint",
    "ambiguous": "bigint",
    "info": "bigint",
    "settled_before": "bigint",
    "api_calls": "bigint",
    "seconds": "double",
    "message": "varchar",
    "resync": "boolean",
    # The rows of the plan that are being sent right now, by seq: what a killed run leaves in doubt.
    "sending_from": "bigint",
    "sending_to": "bigint",
}
_PLAN = {
    "run_id": "varchar",
    "sync_name": "varchar",
    # The place of a row that is to be sent: 1 to n, in the order in which they are sent.
    "seq": "bigint",
    "row_key": "varchar",
    "op": "varchar",
    "reason": "varchar",
    "profile_id": "varchar",
    "row_hash": "varchar",
    "mapping_hash": "varchar",
    "payload": "varchar",
    "changed_columns": "varchar",
    "by_mapping": "boolean",
    "destination_id": "varchar",
    # Of a row to be merged: the record that stays.
    "into_key": "varchar",
    "into_id": "varchar",
}
_LEDGER = {
    "run_id": "varchar",
    "sync_name": "varchar",
    "batch_id": "bigint",
    "row_key": "varchar",
    "op": "varchar",
    "outcome": "varchar",
    "code": "varchar",
    "reason": "varchar",
    "job_id": "varchar",
    "destination_id": "varchar",
    "row_hash": "varchar",
    "recorded_at": "timestamp",
}
_STATE = {
    "sync_name": "varchar",
    "row_key": "varchar",
    "profile_id": "varchar",
    "row_hash": "varchar",
    "mapping_hash": "varchar",
    "payload": "varchar",
    "destination_id": "varchar",
    "applied_at": "timestamp",
    "in_doubt": "boolean",
    # of a row in doubt: the columns that the calls without an answer changed or emptied
    "unsure_columns": "varchar",
    "job_id": "varchar",
    "job_run_id": "varchar",
    "quarantined_hash": "varchar",
    "quarantined_code": "varchar",
}
# Who runs a sync right now: one row per sync, so that two runs of it cannot overlap.
_LEASES = {
    "sync_name": "varchar",
    "connection": "varchar",
    "owner": "varchar",
    "host": "varchar",
    "pid": "bigint",
    "run_id": "varchar",
    "acquired_at": "timestamp",
    "renewed_at": "timestamp",
}
# What a destination says it holds, while that is compared with the state; empty otherwise.
_MEMBERS = {
    "sync_name": "varchar",
    "row_key": "varchar",
    "destination_id": "varchar",
}
# The last result of every dbt model and test, which dbt itself writes at the end of each of its runs.
_DBT_RESULTS = {
    "node_id": "varchar",
    "status": "varchar",
    "failures": "bigint",
    "as_of": "timestamp",
    "recorded_at": "timestamp",
}
TABLES: Mapping[str, Mapping[str, str]] = {
    "sync_runs": _RUN,
    "sync_plan": _PLAN,
    "sync_ledger": _LEDGER,
    "sync_state": _STATE,
    "sync_leases": _LEASES,
    "sync_members": _MEMBERS,
    "dbt_results": _DBT_RESULTS,
}


def relations(warehouse: Warehouse) -> dict[str, Relation]:
    """Return where each of the engine's tables is."""
    return {name: Relation(warehouse.engine_schema, name, warehouse.database) for name in TABLES}


def exist(warehouse: Warehouse) -> bool:
    """Tell whether the engine has run here before."""
    return bool(warehouse.columns(relations(warehouse)["sync_runs"]))


def ensure(warehouse: Warehouse) -> None:
    """Create the tables that are missing, and add the columns that an earlier version did not have.

    Raises:
        WarehouseError: The warehouse refused, for want of a privilege, for example.
    """
    located = relations(warehouse)
    have = {name: {column.name for column in warehouse.columns(relation)} for name, relation in located.items()}
    if not any(have.values()):
        warehouse.execute(exp.Create(this=_schema(warehouse), kind="SCHEMA", exists=True))
    for name, relation in located.items():
        if not have[name]:
            columns = [_definition(column, kind) for column, kind in TABLES[name].items()]
            table = exp.Schema(this=relation.table(), expressions=columns)
            warehouse.execute(exp.Create(this=table, kind="TABLE", exists=True))
            continue
        for column, kind in TABLES[name].items():
            if column not in have[name]:
                action = _definition(column, kind)
                warehouse.execute(exp.Alter(this=relation.table(), kind="TABLE", actions=[action]))


def run(warehouse: Warehouse, sql: str, **values: object) -> int:
    """Run one of the engine's statements and return the number of rows that it changed."""
    return warehouse.execute(statement(sql, relations(warehouse), **values))


def ask(warehouse: Warehouse, sql: str, **values: object) -> list[dict[str, Any]]:
    """Run one of the engine's queries, for a small answer."""
    return warehouse.query(statement(sql, relations(warehouse), **values))


def _schema(warehouse: Warehouse) -> exp.Table:
    return exp.Table(
        db=exp.to_identifier(warehouse.engine_schema),
        catalog=exp.to_identifier(warehouse.database) if warehouse.database else None,
    )


def type_of(kind: str) -> exp.DataType:
    """Return one of the types above as sqlglot's."""
    # Snowflake's bare `timestamp` is whatever the account says; weft's have no zone and are UTC.
    return exp.DataType.build("timestamp_ntz", dialect="snowflake") if kind == "timestamp" else exp.DataType.build(kind)


def _definition(name: str, kind: str) -> exp.ColumnDef:
    return exp.ColumnDef(this=exp.to_identifier(name), kind=type_of(kind))
