"""What kind of values a column holds, in the few words that every warehouse and every format has a type for."""

from __future__ import annotations

from enum import StrEnum

from sqlglot import exp

from warehouse.sql import TIMESTAMPS


class Kind(StrEnum):
    """A kind of value."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    JSON = "json"


_NESTED = (
    exp.DataType.Type.JSON,
    exp.DataType.Type.JSONB,
    exp.DataType.Type.VARIANT,
    exp.DataType.Type.OBJECT,
)
_TEXT = (*exp.DataType.TEXT_TYPES, exp.DataType.Type.UUID, exp.DataType.Type.ENUM, exp.DataType.Type.USERDEFINED)
_DECIMALS = (exp.DataType.Type.DECIMAL, exp.DataType.Type.BIGDECIMAL)


def kind_of(kind: exp.DataType) -> Kind | None:
    """Return the kind of a column's values; none where it is none of these, such as bytes."""
    if kind.this in _DECIMALS:
        scale = kind.expressions[1].name if len(kind.expressions) > 1 else ""
        return Kind.INTEGER if scale == "0" else Kind.DECIMAL
    for found, types in (
        (Kind.INTEGER, tuple(exp.DataType.INTEGER_TYPES)),
        (Kind.BOOLEAN, (exp.DataType.Type.BOOLEAN,)),
        (Kind.FLOAT, tuple(exp.DataType.FLOAT_TYPES)),
        (Kind.DATE, (exp.DataType.Type.DATE,)),
        (Kind.TIMESTAMP, TIMESTAMPS),
        (Kind.JSON, _NESTED),
        (Kind.TEXT, _TEXT),
    ):
        if kind.this in types:
            return found
    return None
