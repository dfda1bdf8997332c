"""Columns of strings, decimals and moments, built from numpy arrays without a Python loop over rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.dice import Bits, Bools, Ints

_HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), dtype="S2")


def choose(values: Sequence[str | None], index: Ints) -> pa.Array:
    """The value at each index, as a string column."""
    return pa.array(values, type=pa.string()).take(pa.array(index))


def join(*parts: pa.Array | str) -> pa.Array:
    """Strings put together element by element; null where any part is null."""
    return pc.binary_join_element_wise(*parts, "", null_handling="emit_null")


def where(condition: Bools, column: pa.Array | str | None, otherwise: pa.Array | str | None = None) -> pa.Array:
    """``column`` where the condition holds, else ``otherwise`` (null unless given)."""
    return pc.if_else(
        pa.array(condition),
        column if isinstance(column, pa.Array) else pa.scalar(column, pa.string()),
        otherwise if isinstance(otherwise, pa.Array) else pa.scalar(otherwise, _type(column)),
    )


def _type(column: pa.Array | str | None) -> pa.DataType:
    return column.type if isinstance(column, pa.Array) else pa.string()


def text(numbers: Ints) -> pa.Array:
    """Whole numbers as text."""
    return pa.array(numbers).cast(pa.string())


def digits(numbers: Ints, width: int) -> pa.Array:
    """Whole numbers as text with leading zeros."""
    return pc.utf8_lpad(text(numbers), width, "0")


def money(cents: Ints) -> pa.Array:
    """Cents as text with two decimals, for CSV and JSON."""
    return join(text(cents // 100), ".", digits(cents % 100, 2))


def decimal(cents: Ints) -> pa.Array:
    """Cents as ``decimal(12, 2)``: the raw 128-bit integers are the cents themselves."""
    words = np.empty((len(cents), 2), dtype=np.int64)
    words[:, 0] = cents
    words[:, 1] = cents >> 63
    return pa.Array.from_buffers(pa.decimal128(12, 2), len(cents), [None, pa.py_buffer(words.tobytes())])


def moment(micros: Ints) -> pa.Array:
    """Microseconds since 1970 as timestamps without a zone (UTC)."""
    return pa.array(micros).cast(pa.timestamp("us"))


def hexadecimal(bits: Bits) -> pa.Array:
    """Sixteen hexadecimal digits per element."""
    data = _HEX[bits.astype(">u8").view(np.uint8)].tobytes()
    offsets = np.arange(0, 16 * (len(bits) + 1), 16, dtype=np.int32)
    return pa.StringArray.from_buffers(len(bits), pa.py_buffer(offsets.tobytes()), pa.py_buffer(data))


def uuid(high: Bits, low: Bits) -> pa.Array:
    """Identifiers written like a UUID."""
    first, second = hexadecimal(high), hexadecimal(low)
    parts = [
        pc.utf8_slice_codeunits(first, 0, 8),
        pc.utf8_slice_codeunits(first, 8, 12),
        join("4", pc.utf8_slice_codeunits(first, 13, 16)),
        join("a", pc.utf8_slice_codeunits(second, 1, 4)),
        pc.utf8_slice_codeunits(second, 4, 16),
    ]
    return pc.binary_join_element_wise(*parts, "-")


def repeat(counts: Ints) -> tuple[Ints, Ints]:
    """For ``counts`` children per parent: the parent's index and the child's number (from 0), one element per child."""
    parents = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    starts = np.cumsum(counts) - counts
    return parents, np.arange(len(parents), dtype=np.int64) - starts[parents]
