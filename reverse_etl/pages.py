"""Reading the plan: page after page by ``seq``, cut into batches that a destination takes in one call."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from reverse_etl import tables
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import Destination
from reverse_etl.rows import Op, Row
from warehouse.base import Warehouse
from warehouse.sql import statement

PAGE = 10_000  #: most rows of a page
PAGE_BYTES = 16_000_000  #: most characters of payload in a page, but for a single row that has more

_ENDS = """
select op, min(seq) as first_seq, max(seq) as last_seq from sync_plan
where run_id = $run_id and seq is not null and op <> 'none' group by op
"""
#: The columns that :func:`planned_rows` reads, of ``sync_plan as plan``.
COLUMNS = """
    plan.seq, plan.row_key, plan.payload, plan.destination_id, plan.changed_columns, plan.into_key, plan.into_id
"""
# By a range of `seq`, in which the plan is stored, a warehouse finds a page without reading the rest.
_PAGE = f"""
select {COLUMNS} from sync_plan as plan
where plan.run_id = $run_id and plan.op = $op and plan.seq between $first and $last
qualify sum(coalesce(length(plan.payload), 0)) over (order by plan.seq) <= $characters
    or row_number() over (order by plan.seq) = 1
order by plan.seq
"""
_EXACT = 2.0**53  #: whole numbers beyond this have no floating point number of their own


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that go out in one call, all of one op.

    Attributes:
        seqs: Their places in the plan, ascending.
        rows: The rows.
        size: Bytes that they add to the call's body, by the destination's reckoning.
    """

    seqs: Sequence[int]
    rows: Sequence[Row]
    size: int


def spans(warehouse: Warehouse, run_id: str) -> dict[Op, tuple[int, int]]:
    """Return the first and the last place of each op that a plan has rows of."""
    found = tables.ask(warehouse, _ENDS, run_id=run_id)
    return {Op(row["op"]): (int(row["first_seq"]), int(row["last_seq"])) for row in found}


def batches(
    warehouse: Warehouse, sync: SyncDefinition, destination: Destination, run_id: str, op: Op, span: tuple[int, int]
) -> Iterator[Batch]:
    """Yield the rows of one op in their order, in batches within the destination's limits on rows and bytes.

    A page is asked for when the one before it is used up, so there is never more than a page and a batch in memory, and
    no long result is held open, which would keep DuckDB from cleaning up behind the commits that happen in between.
    """
    limits = destination.objects[sync.object].limits.get(op)
    most = min(limits.rows, sync.batch_rows or limits.rows) if limits else 1
    room = limits.bytes if limits else 0
    delivery, measure = sync.delivery, destination.size
    seqs: list[int] = []
    rows: list[Row] = []
    used = 0
    for page_seqs, page in _pages(warehouse, run_id, op, span):
        for seq, row in zip(page_seqs, page, strict=True):
            size = measure(delivery, row)
            if rows and (len(rows) >= most or used + size > room):
                yield Batch(seqs, rows, used)
                seqs, rows, used = [], [], 0
            seqs.append(seq)
            rows.append(row)
            used += size
    if rows:
        yield Batch(seqs, rows, used)


def _pages(
    warehouse: Warehouse, run_id: str, op: Op, span: tuple[int, int]
) -> Iterator[tuple[Sequence[int], list[Row]]]:
    first, end = span
    while first <= end:
        last = min(first + PAGE - 1, end)
        values = {"run_id": run_id, "op": str(op), "first": first, "last": last, "characters": PAGE_BYTES}
        with _unswept():
            found = warehouse.tuples(statement(_PAGE, tables.relations(warehouse), **values))
            seqs, rows = [row[0] for row in found], planned_rows(op, found)
        if rows:
            yield seqs, rows
        # The characters may have cut the page short.
        first = seqs[-1] + 1 if seqs else last + 1


@contextmanager
def _unswept() -> Iterator[None]:
    """Keep the garbage collector from looking again and again at a page that grows, and has no cycles to find."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def planned_rows(op: Op, found: Sequence[tuple[Any, ...]]) -> list[Row]:
    """Return rows of the plan, read as :data:`COLUMNS`, as the destination takes them."""
    parsed = payloads([row[2] or "{}" for row in found])
    if op in (Op.ADD, Op.CHANGE):  # of an addition, only what an earlier call without an answer may have left
        return [
            Row(row[1], op, payload, frozenset(filter(None, (row[4] or "").split(","))), row[3])
            for row, payload in zip(found, parsed, strict=True)
        ]
    nothing: frozenset[str] = frozenset()
    return [
        Row(row[1], op, payload, nothing, row[3], row[5], row[6]) for row, payload in zip(found, parsed, strict=True)
    ]


def payloads(texts: list[str]) -> list[dict[str, Any]]:
    """Parse the payloads of a page, all in one go where that is exact."""
    try:
        parsed: list[dict[str, Any]] = orjson.loads(f"[{','.join(texts)}]")
    except orjson.JSONDecodeError:  # halves of a character, which the fast parser refuses
        return [json.loads(text) for text in texts]
    for place, payload in enumerate(parsed):
        for value in payload.values():
            kind = value.__class__
            if kind is str or kind is int or value is None:
                continue
            # The fast parser reads whole numbers beyond 64 bits as floating point, which would change an id on its way.
            if (kind is float and not -_EXACT < value < _EXACT) or kind is dict or kind is list:
                parsed[place] = json.loads(texts[place])
                break
    return parsed
