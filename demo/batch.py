"""The raw rows of one block of people, collected table by table."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from demo.dice import Ints
from demo.facts import Block
from demo.schema import BY_NAME


class Batch:
    """Raw rows by table (``source/table``), and whose they are.

    Args:
        block: The facts that the rows are made of.
    """

    def __init__(self, block: Block) -> None:
        self.tables: dict[str, pa.Table] = {}
        self._person_id = block.people.person_id
        self._truth: list[pa.Table] = []

    def add(self, name: str, values: Mapping[str, pa.Array]) -> pa.Table:
        """Adds a table; its columns are put in the order and cast to the types of the schema."""
        schema = BY_NAME[name].schema
        table = pa.table({field.name: values[field.name].cast(field.type) for field in schema}, schema=schema)
        self.tables[name] = table
        return table

    def own(self, name: str, raw_id: pa.Array, who: Ints) -> None:
        """Notes in the truth whose records these are; a redelivered record is noted once per delivery."""
        source, _, table = name.partition("/")
        count = len(who)
        self._truth.append(
            pa.table(
                {
                    "source": pa.repeat(source, count),
                    "table_name": pa.repeat(table, count),
                    "raw_id": raw_id.cast(pa.string()),
                    "person_id": self._person_id.take(pa.array(who)),
                }
            )
        )

    def finish(self) -> dict[str, pa.Table]:
        """All tables, the truth among them."""
        truth = pa.concat_tables(self._truth).cast(BY_NAME["truth/record"].schema)
        self.tables["truth/record"] = truth.sort_by("person_id")  # as all tables are: person by person
        return self.tables


def absent(count: int) -> pa.Array:
    """A column of nulls."""
    return pa.nulls(count, pa.string())
