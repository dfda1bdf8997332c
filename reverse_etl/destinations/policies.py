"""What of a row is written, by the policies for empty values: the same for every destination."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from reverse_etl.destinations.base import Delivery, NullPolicy
from reverse_etl.rows import Op, Row

ALL = frozenset(NullPolicy)


def written(
    delivery: Delivery, row: Row, *, filled: Collection[str] = (), whole: bool = True, sparing: Collection[str] = ()
) -> dict[str, Any]:
    """Return what to write of a row: column to value, ``None`` where the field is to be emptied; always with the key.

    Args:
        delivery: Says the policy of each column.
        row: The row.
        filled: Columns of which it is known that the field holds a value there.
        whole: Whether a change carries all its columns, not the changed ones alone.
        sparing: Columns that are emptied only where something is known to be there, because it costs a call. What
            the sync itself once wrote is emptied without asking.
    """
    values: dict[str, Any] = {}
    for column, value in row.payload.items():
        policy = delivery.policy(column)
        if column == delivery.key:
            values[column] = value
        elif value is None:
            if policy is NullPolicy.CLEAR:
                empties = column not in sparing or column in row.changed or column in filled
            else:
                empties = policy is NullPolicy.CLEAR_OWN and column in row.changed
            if empties:
                values[column] = None
        elif policy is NullPolicy.SET_IF_EMPTY and column in filled:
            continue
        elif whole or row.op is not Op.CHANGE or column in row.changed:
            values[column] = value
    return values


def conditional(delivery: Delivery, rows: Iterable[Row]) -> list[str]:
    """Return the columns that depend on what is there: those whose value is written only where the field is empty."""
    return sorted(
        {
            column
            for row in rows
            for column, value in row.payload.items()
            if value is not None and column != delivery.key and delivery.policy(column) is NullPolicy.SET_IF_EMPTY
        }
    )


def merged_away(delivery: Delivery, row: Row) -> list[str]:
    """Return the columns of a row to merge whose values must not live on in the other record.

    Where a record is folded into another, its values fill what is empty there. For the columns that an empty value
    empties, what this sync once wrote would stay there for good, since nobody knows any more that it was the sync's.
    """
    emptying = (NullPolicy.CLEAR_OWN, NullPolicy.CLEAR)
    return sorted(
        column
        for column, value in row.payload.items()
        if value is not None and column != delivery.key and delivery.policy(column) in emptying
    )
