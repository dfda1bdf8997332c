"""Retry: rows that a predicate over the ledger names are sent again by the next run. Nothing is sent here."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sqlglot import exp

from reverse_etl import leases, tables
from reverse_etl.clock import Clock
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import Mode, ObjectSpec
from reverse_etl.errors import ConfigError
from warehouse.base import Warehouse

# What holds for a row's latest answer; only rows with some answer that fits are looked through for their latest.
_CHOSEN = """
    select row_key, op, outcome, code from (
        select
            *,
            row_number() over (partition by row_key order by recorded_at desc, run_id desc, batch_id desc) as place
        from sync_ledger
        where sync_name = $sync and row_key in (select row_key from sync_ledger where sync_name = $sync and $fits)
    ) as answers
    where place = 1 and $fits
"""
_COUNTS = f"""
select
    chosen.op,
    chosen.outcome,
    chosen.code,
    count(*) as count_rows,
    count(case when state.job_id is null and state.quarantined_hash is not null then 1 end) as released,
    count(case when state.job_id is null and state.row_hash is not null then 1 end) as held,
    count(case when state.job_id is null and state.in_doubt then 1 end) as in_doubt,
    count(state.job_id) as waiting
from ({_CHOSEN}) as chosen
left join (select * from sync_state where sync_name = $sync) as state on state.row_key = chosen.row_key
group by chosen.op, chosen.outcome, chosen.code
order by count_rows desc, chosen.op, chosen.outcome, chosen.code
"""
# A row without a hash is new to the plan as soon as nothing forbids it; one with a hash is sent again when in doubt.
_AGAIN = f"""
update sync_state set
    quarantined_hash = null, quarantined_code = null, in_doubt = coalesce(in_doubt, false) or row_hash is not null
where sync_name = $sync and job_id is null and row_key in (select row_key from ({_CHOSEN}) as chosen)
"""
_AGAIN_APPEND = f"""
update sync_state set quarantined_hash = null, quarantined_code = null, in_doubt = false
where sync_name = $sync and job_id is null and row_hash is null
    and row_key in (select row_key from ({_CHOSEN}) as chosen)
"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rows whose latest answer had one op, outcome and code.

    Attributes:
        op: What was asked of the destination.
        outcome: What became of it.
        code: The destination's word for it.
        rows: How many rows.
        released: Of those, rows that are quarantined.
        held: Of those, rows that the destination confirmed.
        in_doubt: Of those, rows that may or may not be there.
        waiting: Of those, rows in a job that is still open; they are left alone.
    """

    op: str
    outcome: str
    code: str
    rows: int
    released: int
    held: int
    in_doubt: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Retry:
    """What a retry does.

    Attributes:
        sync: The sync's name.
        written: Whether it was done, or only looked at.
        chosen: The rows, by their latest answer.
        warning: What may go wrong with it; empty where nothing may.
    """

    sync: str
    written: bool
    chosen: tuple[Chosen, ...] = field(default_factory=tuple)
    warning: str = ""

    @property
    def rows(self) -> int:
        """Rows that were chosen."""
        return sum(group.rows for group in self.chosen)

    @property
    def waiting(self) -> int:
        """Rows of them that are left alone, because a job that holds them is still open."""
        return sum(group.waiting for group in self.chosen)

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return asdict(self) | {"rows": self.rows, "waiting": self.waiting}


def retry(
    warehouse: Warehouse,
    sync: SyncDefinition,
    spec: ObjectSpec,
    where: exp.Expr,
    run_id: str,
    clock: Clock,
    *,
    dry_run: bool = False,
) -> Retry:
    """Have the next run send rows again, by each row's latest answer.

    A quarantine is lifted; what was confirmed is put in doubt, so that the plan sends it again as far as it is still in
    the feed and may be sent, and removes it otherwise. Of an ``append`` sync only what was not confirmed can be chosen.

    Args:
        warehouse: Where the engine's tables are.
        sync: The sync.
        spec: What the destination's object can do.
        where: Holds for the latest answer of the rows; see :func:`reverse_etl.predicate.parse`.
        run_id: A name for this, which a run that is refused meanwhile reads.
        clock: Dates the lease.
        dry_run: Only look.

    Raises:
        ConfigError: Rows of an ``append`` sync were chosen that are confirmed.
        LeaseHeld: A run is under way.
    """
    if not tables.exist(warehouse):
        return Retry(sync.name, written=False)
    if dry_run:
        return _look(warehouse, sync, spec, where)
    tables.ensure(warehouse)
    with leases.hold(warehouse, sync, run_id, clock) as lease:
        found = _look(warehouse, sync, spec, where)
        if found.rows:
            with warehouse.transaction():
                again = _AGAIN_APPEND if sync.mode is Mode.APPEND else _AGAIN
                tables.run(warehouse, again, sync=sync.name, fits=where)
                lease.fence()
    return replace(found, written=True)


def _look(warehouse: Warehouse, sync: SyncDefinition, spec: ObjectSpec, where: exp.Expr) -> Retry:
    chosen = tuple(
        Chosen(
            op=str(row["op"]),
            outcome=str(row["outcome"]),
            code=str(row["code"] or ""),
            rows=int(row["count_rows"]),
            **{name: int(row[name]) for name in ("released", "held", "in_doubt", "waiting")},
        )
        for row in tables.ask(warehouse, _COUNTS, sync=sync.name, fits=where)
    )
    if sync.mode is not Mode.APPEND:
        return Retry(sync.name, written=False, chosen=chosen)
    confirmed = sum(group.held for group in chosen)
    if confirmed:
        raise ConfigError(
            f"{confirmed:,} of these rows were confirmed, and an append sync never sends such a row again.",
            where=f"{sync.name}, --where",
            fix="leave them out: add \"and outcome not in ('applied', 'accepted')\" to the predicate",
        )
    doubtful = 0 if spec.idempotent else sum(group.in_doubt for group in chosen)
    warning = f"{doubtful:,} rows may have arrived; those that did will be there twice" if doubtful else ""
    return Retry(sync.name, written=False, chosen=chosen, warning=warning)
