"""Quarantine: rows that were refused for good are kept back until they change, or until a person lets them go."""

from __future__ import annotations

from typing import Any, cast

from sqlglot import exp

from reverse_etl import leases, tables
from reverse_etl.clock import Clock
from reverse_etl.definitions import SyncDefinition
from warehouse.base import Warehouse
from warehouse.sql import statement

_HELD = """
    select sync_name, row_key, quarantined_hash, quarantined_code from sync_state
    where quarantined_hash is not null and $chosen
"""
# The answers that quarantined those rows; where they are older than what the ledger keeps there is none.
_ANSWERS = f"""
select held.sync_name, held.row_key, held.quarantined_code as code, min(answer.recorded_at) as since,
    max(answer.reason) as reason
from ({_HELD}) as held
left join (select * from sync_ledger where outcome = 'permanent' and $chosen) as answer
    on answer.sync_name = held.sync_name and answer.row_key = held.row_key
    and answer.row_hash = held.quarantined_hash and answer.code = held.quarantined_code
group by held.sync_name, held.row_key, held.quarantined_code
"""
_BY_CODE = f"""
select sync_name, code, count(*) as count_rows, min(since) as since, max(reason) as reason
from ({_ANSWERS}) as answers
group by sync_name, code
order by sync_name, count_rows desc, code
"""
_ROWS = f"""
select sync_name, code, row_key, since, reason from ({_ANSWERS}) as answers
order by sync_name, since desc, row_key limit $limit
"""
_RELEASE = """
update sync_state set quarantined_hash = null, quarantined_code = null
where sync_name = $sync and quarantined_hash is not null
"""
_COUNT = "select count(*) as count_rows from sync_state where sync_name = $sync and quarantined_hash is not null"


def by_code(warehouse: Warehouse, sync: str | None = None) -> list[dict[str, Any]]:
    """Return how many rows each sync keeps back, by code: ``sync_name, code, count_rows, since, reason``.

    Args:
        warehouse: Where the engine's tables are.
        sync: A sync's name; all of them when left out.
    """
    return _asked(warehouse, _BY_CODE, sync)


def rows(warehouse: Warehouse, sync: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """Return rows that are kept back, the youngest first: ``sync_name, code, row_key, since, reason``."""
    return _asked(warehouse, _ROWS, sync, limit=limit)


def release(
    warehouse: Warehouse,
    sync: SyncDefinition,
    run_id: str,
    clock: Clock,
    *,
    code: str | None = None,
    key: str | None = None,
) -> int:
    """Let rows go, so that the next run sends them as they are, and return how many.

    Args:
        warehouse: Where the engine's tables are.
        sync: The sync.
        run_id: A name for this, which a run that is refused meanwhile reads.
        clock: Dates the lease.
        code: Only rows that were refused with this code.
        key: Only the row with this key.

    Raises:
        LeaseHeld: A run is under way.
    """
    if not tables.exist(warehouse):
        return 0
    tables.ensure(warehouse)
    chosen = {"quarantined_code": code, "row_key": key}
    filters = [exp.column(name).eq(exp.Literal.string(value)) for name, value in chosen.items() if value is not None]
    known = tables.relations(warehouse)
    with leases.hold(warehouse, sync, run_id, clock) as lease, warehouse.transaction():
        counted = cast("exp.Select", statement(_COUNT, known, sync=sync.name)).where(*filters)
        change = cast("exp.Update", statement(_RELEASE, known, sync=sync.name)).where(*filters)
        [found] = warehouse.query(counted)
        if found["count_rows"]:
            warehouse.execute(change)
        lease.fence()
    return int(found["count_rows"])


def _asked(warehouse: Warehouse, sql: str, sync: str | None, **values: Any) -> list[dict[str, Any]]:
    if not tables.exist(warehouse):
        return []
    chosen = exp.true() if sync is None else exp.column("sync_name").eq(exp.Literal.string(sync))
    return tables.ask(warehouse, sql, chosen=chosen, **values)
