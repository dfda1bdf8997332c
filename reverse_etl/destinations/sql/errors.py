"""What an error of a database means for a batch: the row's fault, ours, or nobody's."""

from __future__ import annotations

from reverse_etl.destinations.codes import Codes, Meaning
from reverse_etl.errors import AmbiguousCall, BatchRefused, DestinationDown, DestinationRefused
from reverse_etl.rows import Outcome
from warehouse.errors import WarehouseError, WeftError

CODES: Codes = {
    "value": Meaning(Outcome.PERMANENT, "a value does not fit the type of its column"),
    "constraint": Meaning(Outcome.PERMANENT, "a constraint of the table refuses the row"),
    "other": Meaning(Outcome.PERMANENT, "the database refused the row"),
}
#: Kinds of DuckDB's errors.
_DUCK = {
    "ConversionException": "value",
    "OutOfRangeException": "value",
    "InvalidInputException": "value",
    "ConstraintException": "constraint",
    "TransactionException": "down",
    "IOException": "down",
    "FatalException": "down",
    "OutOfMemoryException": "down",
}
#: PostgreSQL's SQLSTATE, the whole code or its class: "PostgreSQL Error Codes", documentation of version 17.
_POSTGRES = {
    "22": "value",
    "23": "constraint",
    "08": "down",
    "40": "down",
    "53": "down",
    "55": "down",
    "57": "down",
    "58": "down",
    "XX": "down",
}
_SNOWFLAKE_VALUES = range(100_032, 100_200)
_SNOWFLAKE_EMPTY = 100_072  # "NULL result in a non-nullable column"
#: What PostgreSQL says to a connection that it will never let in: a refused connection has no code to go by.
_NEVER = ("authentication failed", "no pg_hba.conf entry", "does not exist", "no password supplied", "not permitted")


def judged(error: WarehouseError, *, committing: bool = False) -> WeftError:
    """Return an error of the database as what it means for the batch.

    Args:
        error: What the warehouse raised; its cause is the driver's own.
        committing: Whether it was the commit that failed, so that the batch may be there.
    """
    found = kind(error)
    if found in ("value", "constraint"):
        return BatchRefused(found, CODES[found].reason)
    if found == "down" and committing:
        return AmbiguousCall(
            "The connection broke while the batch was committed, so it may be there.",
            where=error.where,
            fix="run the sync again: rows are merged by their key, so nothing is there twice",
        )
    if found == "down":
        told = type(error.__cause__).__name__ if error.__cause__ else "in use"  # a conflict's own words quote the key
        return DestinationDown(
            f"The database did not do its work ({told}); nothing of the batch was taken.",
            where=error.where,
            fix="run the sync again when the database answers and no other program holds its file or its rows",
        )
    return DestinationRefused(error.what, where=error.where, fix=error.fix)


def kind(error: WarehouseError) -> str:
    """Return ``value``, ``constraint``, ``down``, or ``refused``."""
    cause = error.__cause__
    if cause is None:
        return "down" if "in use by process" in error.what else "refused"
    module, name = type(cause).__module__.partition(".")[0], type(cause).__name__
    if module in ("duckdb", "_duckdb"):
        return "down" if "in use by process" in error.what else _DUCK.get(name, "refused")
    if module == "psycopg":
        state = getattr(cause, "sqlstate", None) or ""
        if state:
            return _POSTGRES.get(state) or _POSTGRES.get(state[:2], "refused")
        return "refused" if any(word in error.what for word in _NEVER) else "down"
    return _of_snowflake(cause)


def _of_snowflake(cause: BaseException) -> str:
    number = getattr(cause, "errno", None) or 0
    if number == _SNOWFLAKE_EMPTY:
        return "constraint"
    if number in _SNOWFLAKE_VALUES:
        return "value"
    # 250001 and on are the driver's own: it could not connect, or lost the connection. 390100 and on are sign-ins.
    if type(cause).__name__ in ("OperationalError", "InterfaceError", "ServiceUnavailableError", "BadGatewayError"):
        return "down"
    return "refused"
