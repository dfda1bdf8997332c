"""Where records are compared: a DuckDB in memory, of this process alone, whichever warehouse they come from.

Neither the warehouse nor the disk sees what Splink makes of them; what does not fit into memory is written encrypted.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa

from identity.probable.records import COLUMNS
from warehouse.errors import WarehouseError

_RECORDS = "records"
_LONGEST = 200  # characters of a value that are compared: more say nothing about a person, and take forever
_WORDS = r"nullif(trim(regexp_replace(lower(strip_accents({0})), '[^\p{{L}}\p{{N}}]+', ' ', 'g')), '')"
#: How a value is made comparable, by the kind of its attribute.
_PLAIN = {
    "name": _WORDS,
    "text": _WORDS,
    "date": "strftime(try_cast(left(trim({0}), 10) as date), '%Y-%m-%d')",
    "email": "nullif(lower(trim({0})), '')",
    "phone": "nullif(regexp_replace({0}, '[^0-9]', '', 'g'), '')",
}
# Read column by column of a copy that is sorted: the same data is the same in whatever order it arrived.
_FINGERPRINT = """
select count(*), coalesce(bit_xor(md5_number_lower(concat_ws(chr(31), {0}))), 0)
from records
"""


@contextmanager
def open_scratch(settings: Mapping[str, Any]) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an empty database in memory.

    Args:
        settings: DuckDB settings of the dbt profile; its ``memory_limit`` and ``threads`` hold here too.

    Raises:
        WarehouseError: Memory or disk ran out, in the block as well.
    """
    with tempfile.TemporaryDirectory(prefix="weft-") as folder:
        config = {name: str(settings[name]) for name in ("memory_limit", "threads") if name in settings}
        with duckdb.connect(":memory:", config={"temp_directory": folder, **config}) as connection:
            connection.execute("set temp_file_encryption = true")
            connection.execute("set enable_progress_bar = false")
            try:
                yield connection
            except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
                # Without the cause: DuckDB's words may quote a value.
                raise WarehouseError(
                    f"Comparing the records ran out of room ({type(error).__name__}).",
                    where="DuckDB in memory, beside the warehouse",
                    fix="lower max_records or max_pairs of identity_probable, raise memory_limit in profiles.yml, or "
                    "make room where TMPDIR is",
                ) from None


def load(
    connection: duckdb.DuckDBPyConnection,
    compare: Mapping[str, str],
    pages: Iterable[Sequence[Mapping[str, Any]]],
    limit: int,
) -> tuple[int, bool]:
    """Fill the table ``records``, made comparable and numbered in the order of type and value.

    Returns:
        How many records it has, and whether there were more than the limit.

    Args:
        connection: The database.
        compare: The attributes with their kinds.
        pages: The records, as :func:`identity.probable.records.fetch` yields them.
        limit: How many are kept, of those that come first.
    """
    names = [*(name for name in COLUMNS if name != "observed_at"), *compare]
    shape = pa.schema([(name, pa.int8() if name == "is_glued" else pa.string()) for name in names])
    given = ", ".join(f"{_quoted(name)} {'tinyint' if name == 'is_glued' else 'varchar'}" for name in names)
    connection.execute(f"create or replace table arrived ({given})")
    for page in pages:
        columns = {name: [row[name] for row in page] for name in names}
        connection.register("page", pa.table(columns, schema=shape))
        connection.execute("insert into arrived select * from page")
        connection.unregister("page")
    plain = ", ".join(
        f"left({_PLAIN[kind].format(_quoted(name))}, {_LONGEST}) as {_quoted(name)}" for name, kind in compare.items()
    )
    connection.execute(
        f"""
        create or replace table {_RECORDS} as
        select
            row_number() over (order by identifier_type, identifier_value) as record,
            identifier_type, identifier_value, person, is_glued = 1 as is_glued, {plain}
        from (from arrived limit {limit})
        order by record
        """
    )
    arrived = int(connection.execute("select count(*) from arrived").fetchall()[0][0])
    connection.execute("drop table arrived")
    return min(arrived, limit), arrived > limit


def fingerprint(connection: duckdb.DuckDBPyConnection, compare: Mapping[str, str]) -> str:
    """Return a text that is the same as long as the records are."""
    columns = ("identifier_type", "identifier_value", *compare)
    values = ", ".join(f"coalesce({_quoted(name)}, chr(30))" for name in columns)
    count, mixed = connection.execute(_FINGERPRINT.format(values)).fetchall()[0]
    return f"{count}-{mixed}"


def known(connection: duckdb.DuckDBPyConnection, attribute: str) -> tuple[int, int]:
    """Return of how many records an attribute is known, and how many different values it has."""
    column = _quoted(attribute)
    row = connection.execute(f"select count({column}), count(distinct {column}) from {_RECORDS}").fetchall()[0]
    return int(row[0]), int(row[1])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def verdicts(values: Sequence[tuple[str, str | None, str | None]]) -> list[str]:
    """Return for each (kind, value, value) whether the two are the ``same`` as they are compared, ``similar``, or not.

    ``one side`` is where a value is missing, or is none of its kind.
    """
    plain_a, plain_b = (
        " ".join(f"when '{kind}' then {sql.format(side)}" for kind, sql in _PLAIN.items()) for side in ("a", "b")
    )
    shape = pa.schema([("place", pa.int64()), ("kind", pa.string()), ("a", pa.string()), ("b", pa.string())])
    columns = zip(*((number, *each) for number, each in enumerate(values)), strict=True)
    with duckdb.connect(":memory:") as connection:
        connection.register("given", pa.table(dict(zip(shape.names, columns, strict=True)), schema=shape))
        found = connection.execute(
            f"""
            with plain as (
                select place, case kind {plain_a} end as a, case kind {plain_b} end as b from given
            )

            select
                case
                    when a is null or b is null then 'one side'
                    when a = b then 'same'
                    when jaro_winkler_similarity(a, b) >= 0.88 or levenshtein(a, b) <= 1 then 'similar'
                    else 'differs'
                end
            from plain
            order by place
            """
        ).fetchall()
    return [verdict for (verdict,) in found]
