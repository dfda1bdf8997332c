"""Which pairs of records are compared at all: those that agree in one of some keys.

Every pair of a million records would be 5e11. A key is a column of ``records``; values that too many records share are
no key, and a key that would make more pairs than are left to make is not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import duckdb

_CROWD = 1000  #: how many records may share one value of a key; above, it is a placeholder or a big city


@dataclass(frozen=True, slots=True)
class Key:
    """One way to find pairs.

    Attributes:
        column: The column of ``records`` that holds it.
        meaning: What it is, in words.
        pairs: How many pairs agree in it.
        crowded: How many of its values more records share than may.
        is_used: Whether there was room for its pairs.
    """

    column: str
    meaning: str
    pairs: int
    crowded: int
    is_used: bool


def candidates(compare: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the keys that some attributes allow, as (meaning, SQL), the most telling first."""
    of_kind = {kind: [name for name, other in compare.items() if other == kind] for kind in set(compare.values())}
    names, texts, dates = (of_kind.get(kind, []) for kind in ("name", "text", "date"))
    emails, phones = of_kind.get("email", []), of_kind.get("phone", [])
    found = [(name, f'"{name}"') for name in (*emails, *phones)]
    # Either order: people write their last name first, and forms ask for it first.
    found += [
        (f"{a} and {b}", f'least("{a}", "{b}") || chr(31) || greatest("{a}", "{b}")') for a, b in combinations(names, 2)
    ]
    found += [(name, f'"{name}"') for name in dates]
    found += [(f"{a} and year of {b}", f'"{a}" || chr(31) || left("{b}", 4)') for a in names for b in dates]
    found += [(f"{a} and {b}", f'"{a}" || chr(31) || "{b}"') for a in names for b in texts]
    found += [(f"{name} before the @", f"nullif(split_part(\"{name}\", '@', 1), '')") for name in emails]
    found += [(f"initial of {a} and {b}", f'left("{a}", 1) || chr(31) || "{b}"') for a in names for b in texts]
    return found


def add_keys(connection: duckdb.DuckDBPyConnection, compare: Mapping[str, str], room: int) -> list[Key]:
    """Add the columns of the keys to ``records`` and return all of them, with what each is good for.

    Args:
        connection: The database that holds ``records``.
        compare: The attributes with their kinds.
        room: How many pairs may be made in all.
    """
    keys = []
    for number, (meaning, sql) in enumerate(candidates(compare)):
        column = f"key_{number}"
        connection.execute(f"alter table records add column {column} varchar")
        connection.execute(f"update records set {column} = {sql}")
        connection.execute(
            f"create or replace table crowd as select {column} as value, count(*) as n from records "
            f"where {column} is not null group by all having count(*) > 1"
        )
        pairs, crowded = connection.execute(
            "select coalesce(sum(n * (n - 1) // 2) filter (n <= $most), 0), count(*) filter (n > $most) from crowd",
            {"most": _CROWD},
        ).fetchall()[0]
        is_used = 0 < pairs <= room
        if is_used:
            room -= int(pairs)
            connection.execute(
                f"update records set {column} = null where {column} in (select value from crowd where n > {_CROWD})"
            )
        else:
            connection.execute(f"alter table records drop column {column}")
        keys.append(Key(column, meaning, int(pairs), int(crowded), is_used))
    connection.execute("drop table if exists crowd")
    return keys
