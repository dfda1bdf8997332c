"""What SendGrid's requests and answers look like: nothing here calls anything.

Sources as in :mod:`reverse_etl.destinations.sendgrid.destination`.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from reverse_etl.destinations.base import Delivery, NullPolicy
from reverse_etl.destinations.codes import OTHER, Codes, Meaning, objects, result, short
from reverse_etl.errors import DestinationRefused
from reverse_etl.http import encode
from reverse_etl.kinds import Kind
from reverse_etl.rows import Outcome, Row, RowResult

KEY = "email"
#: What SendGrid finds a contact by. An update has to carry all of those that the contact has.
IDENTIFIERS = (KEY, "phone_number_id", "external_id", "anonymous_id")
#: Fields that every account has.
RESERVED = frozenset(
    {
        *IDENTIFIERS,
        *("first_name", "last_name", "alternate_emails", "address_line_1", "address_line_2", "city"),
        *("state_province_region", "postal_code", "country", "phone_number", "whatsapp", "line", "facebook"),
        "unique_name",
    }
)
TEXT, NUMBER = "Text", "Number"  #: types of custom fields; the third is a date
_NUMBERS = (Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT)

#: What each code of a row means. SendGrid has none of its own for a row: all are ours.
CODES: Codes = {
    "refused": Meaning(Outcome.PERMANENT, "SendGrid refused the contact"),
    "cannot_empty": Meaning(
        Outcome.PERMANENT, "SendGrid cannot empty a number or a date: give the column the policy skip"
    ),
    "unknown_field": Meaning(Outcome.PERMANENT, "SendGrid has no field of a column's name"),
    "no_job": Meaning(Outcome.TRANSIENT, "SendGrid named no job"),
    "job_gone": Meaning(Outcome.TRANSIENT, "SendGrid no longer knows the job"),
    "job_failed": Meaning(Outcome.TRANSIENT, "SendGrid could not do the job"),
    "unnamed_error": Meaning(Outcome.AMBIGUOUS, "the job failed more rows than it names"),
    "no_contact": Meaning(Outcome.APPLIED, "SendGrid has no such contact"),
    "not_on_list": Meaning(Outcome.APPLIED, "the contact is not on the list"),
    "unconfirmed": Meaning(Outcome.TRANSIENT, "SendGrid took the removal, and the contact is still on the list"),
    "404": Meaning(Outcome.TRANSIENT, "the contact was deleted meanwhile"),
    OTHER: Meaning(Outcome.PERMANENT, "SendGrid refused the row"),
}


class Field(NamedTuple):
    """A custom field, by what a contact's body calls it and the type of its values."""

    id: str
    kind: str


class Fields(NamedTuple):
    """What a contact can carry.

    Attributes:
        reserved: Fields that every account has and that may be written.
        custom: The account's own, by their names in lower case: names differ by more than their case.
    """

    reserved: frozenset[str]
    custom: Mapping[str, Field]

    def refuse_unfit(self, delivery: Delivery) -> None:
        """Raise where a column of the feed is no field of the account, or one that it cannot fill or empty."""
        columns = sorted(delivery.fields - self.reserved)
        kinds = {column: self.custom[column.lower()].kind for column in columns if column.lower() in self.custom}
        _refuse(
            [column for column in columns if column not in kinds],
            "SendGrid's contacts lack a field that the feed has a column for, or SendGrid alone fills it.",
            "Create the field under Marketing, Custom Fields, or leave the column out of the feed.",
        )
        _refuse(
            [
                one
                for one, kind in kinds.items()
                if kind == NUMBER and delivery.types.get(one, Kind.FLOAT) not in _NUMBERS
            ],
            "A number of SendGrid's contacts cannot be filled by a column that holds none.",
            "Cast the column to a number in the feed's SQL.",
        )
        _refuse(
            [one for one, kind in kinds.items() if kind != TEXT and delivery.policy(one) is NullPolicy.CLEAR],
            "SendGrid cannot empty a number or a date, which the policy clear asks for.",
            "Give the column the policy skip or clear_own in the exposure's sync block, field columns.",
        )


def _refuse(columns: Sequence[str], what: str, fix: str) -> None:
    if columns:
        raise DestinationRefused(what, where=f"feed column {', '.join(columns)}", fix=fix)


def fields_of(body: Mapping[str, Any]) -> Fields:
    """Return the fields of an account, from its definitions."""
    custom = {
        str(one["name"]).lower(): Field(str(one["id"]), str(one.get("field_type")))
        for one in objects(body.get("custom_fields"))
        if "name" in one and "id" in one
    }
    listed = {str(one.get("name")) for one in objects(body.get("reserved_fields")) if not one.get("read_only")}
    return Fields(RESERVED | listed, custom)


def contact(values: Mapping[str, Any], fields: Fields) -> dict[str, Any] | str:
    """Return a contact as an upsert takes it, or the code of why the row cannot be one.

    Args:
        values: Column to value, ``None`` where the field is to be emptied.
        fields: What a contact can carry.
    """
    body: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    for column, value in values.items():
        if column in fields.reserved:
            body[column] = "" if value is None else value if isinstance(value, list) else text(value)
            continue
        field = fields.custom.get(column.lower())
        if field is None:
            return "unknown_field"
        if field.kind == TEXT:
            custom[field.id] = "" if value is None else text(value)
        elif value is None:
            return "cannot_empty"
        else:
            custom[field.id] = value
    return body | {"custom_fields": custom} if custom else body


def text(value: Any) -> str:
    """Return a value as a field of texts spells it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else encode(value).decode()


def map_job(rows: Sequence[Row], body: Mapping[str, Any], errors: str | None) -> list[RowResult]:
    """Return one result per row of a job that is done.

    The file of errors is not documented beyond that it holds addresses and reasons. So it is read without regard to
    its columns: a row is named by a cell that is its address.

    Args:
        rows: The rows that the job was given.
        body: The job's state.
        errors: The file of its errors, where there is one.
    """
    failed = _named(rows, errors or "")
    count = body.get("results", {}).get("errored_count") if isinstance(body.get("results"), dict) else None
    if body.get("status") == "completed" and not count:
        rest = ""
    elif body.get("status") == "failed":
        rest = "job_failed"
    else:
        rest = "" if isinstance(count, int | float) and len(failed) >= count else "unnamed_error"
    return [
        result(CODES, row.key, "refused")
        if row.key in failed
        else result(CODES, row.key, rest)
        if rest
        else RowResult(row.key, Outcome.APPLIED)
        for row in rows
    ]


def _named(rows: Sequence[Row], errors: str) -> set[str]:
    """Return the keys of the rows that a file of errors names."""
    keys = {row.key.lower(): row.key for row in rows}
    cells = (cell.strip().lower() for line in csv.reader(errors.splitlines()) for cell in line)
    return {keys[cell] for cell in cells if cell in keys}


def found(body: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the contacts that a search by addresses found, by the address in lower case."""
    listed = body.get("result")
    if not isinstance(listed, dict):
        return {}
    return {
        str(email).lower(): one["contact"]
        for email, one in listed.items()
        if isinstance(one, dict) and isinstance(one.get("contact"), dict)
    }


def is_on(contact: Mapping[str, Any], target: str) -> bool:
    """Return whether a contact that was found is on a list."""
    listed = contact.get("list_ids")
    return isinstance(listed, list) and target in listed


def code_of(body: Mapping[str, Any]) -> str:
    """Return the short code of a refusal: SendGrid names an error by an id, where it does."""
    errors = objects(body.get("errors"))
    return short(errors[0].get("error_id") or OTHER) if errors else OTHER
