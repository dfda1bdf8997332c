"""What Mailchimp's requests and answers look like: nothing here calls anything.

Sources as in :mod:`reverse_etl.destinations.mailchimp.destination`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from reverse_etl.destinations.base import Delivery
from reverse_etl.destinations.codes import OTHER, Codes, Meaning, objects, result, short
from reverse_etl.errors import BatchRefused, DestinationRefused
from reverse_etl.http import encode
from reverse_etl.kinds import Kind
from reverse_etl.rows import Outcome, Row, RowResult

KEY = "email_address"
IF_NEW = "status_if_new"
#: What a new member can be. "transactional" is a contact who gets no campaigns.
STATUSES = ("subscribed", "pending", "unsubscribed", "transactional")
#: Fields of a member that are no merge fields.
MEMBER = frozenset({KEY, IF_NEW, "email_type", "language", "vip"})

#: What each code of a row means. The upper-case ones are Mailchimp's, the others are ours.
CODES: Codes = {
    "ERROR_GENERIC": Meaning(Outcome.PERMANENT, "Mailchimp refused the member"),
    "ERROR_CONTACT_EXISTS": Meaning(Outcome.TRANSIENT, "the member came to be meanwhile"),
    OTHER: Meaning(Outcome.PERMANENT, "Mailchimp refused the row"),
    "too_many_signups": Meaning(
        Outcome.INFO, "the address has signed up to many audiences lately, and Mailchimp takes it later"
    ),
    "forgotten": Meaning(
        Outcome.PERMANENT, "the address was permanently deleted; only its owner can bring it back, by a form"
    ),
    "invalid_status": Meaning(Outcome.PERMANENT, f"{IF_NEW} is none of {', '.join(STATUSES)}"),
    "nothing_to_write": Meaning(Outcome.APPLIED, "by the policies for empty values, nothing of the row is written"),
    "no_answer": Meaning(Outcome.TRANSIENT, "Mailchimp's answer does not mention the member"),
    "not_a_member": Meaning(Outcome.INFO, "the audience has no such member who could be tagged"),
    "still_tagged": Meaning(Outcome.TRANSIENT, "Mailchimp took the removal, and the member still has the tag"),
}

#: What kinds of columns fill a merge field of a type, where not every kind does; what is not known may.
_FILLED_BY: Mapping[str, tuple[Kind | None, ...]] = {
    "number": (None, Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT),
    "address": (None, Kind.JSON),
}
_ANY = (None, *Kind)

#: Words of Mailchimp's messages that tell errors apart for which it has one code; nothing of a message is kept.
_TOLD = (
    ("not allowing more signups", "too_many_signups"),
    ("permanently deleted", "forgotten"),
    ("forgotten email", "forgotten"),
)


class MergeField(NamedTuple):
    """A merge field of an audience, by its tag and the type of its values."""

    tag: str
    kind: str


def member(values: Mapping[str, Any], fields: Mapping[str, MergeField], if_new: str) -> dict[str, Any] | str:
    """Return a member as a batch takes it, or the code of why the row cannot be one.

    The member's standing is not part of it, so who has unsubscribed stays so: only a new member is given one.

    Args:
        values: Column to value, ``None`` where the field is to be emptied.
        fields: The audience's merge fields, by their tags in lower case.
        if_new: What a new member becomes, unless the row says it.
    """
    standing = values.get(IF_NEW) or if_new
    if standing not in STATUSES:
        return "invalid_status"
    body: dict[str, Any] = {IF_NEW: standing}
    merged: dict[str, Any] = {}
    for column, value in values.items():
        if column == IF_NEW:
            continue
        if column in MEMBER:
            body[column] = "" if value is None else value
        else:
            # A number is taken as one; whatever else there is is told as a text, and the empty text empties.
            field = fields.get(column.lower())
            merged[field.tag if field else column.upper()] = _text(value)
    return body | {"merge_fields": merged} if merged else body


def _text(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str | int | float | dict) else encode(value).decode()


def merge_fields_of(body: Mapping[str, Any]) -> dict[str, MergeField]:
    """Return the merge fields of an audience, by their tags in lower case."""
    found = (MergeField(str(one.get("tag")), str(one.get("type"))) for one in objects(body.get("merge_fields")))
    return {field.tag.lower(): field for field in found}


def refuse_unfit(delivery: Delivery, fields: Mapping[str, MergeField]) -> None:
    """Raise where a column of the feed is no merge field of the audience, or one that it cannot fill."""
    columns = sorted(delivery.fields - MEMBER)
    _refuse(
        [column for column in columns if column.lower() not in fields],
        "The audience lacks a merge field that the feed has a column for.",
        "Create it under Audience, Settings, Audience fields, with that tag, or leave the column out.",
    )
    _refuse(
        [one for one in columns if delivery.types.get(one) not in _FILLED_BY.get(fields[one.lower()].kind, _ANY)],
        "A merge field of the audience cannot be filled by a column of another kind: a number takes numbers, an "
        "address a JSON object with addr1, city, state and zip.",
        "Cast the column in the feed's SQL, or make the merge field a text.",
    )


def _refuse(columns: Sequence[str], what: str, fix: str) -> None:
    if columns:
        raise DestinationRefused(what, where=f"feed column {', '.join(columns)}", fix=fix)


def map_members(rows: Sequence[Row], body: Mapping[str, Any]) -> list[RowResult]:
    """Return one result per row of an answered batch of members: the answer names each by its address.

    Raises:
        BatchRefused: Some member was refused and the answer does not say which.
    """
    by_email = {row.key.lower(): row.key for row in rows}
    results: dict[str, RowResult] = {}
    for name in ("new_members", "updated_members"):
        for key in _keys(objects(body.get(name)), by_email):
            results[key] = RowResult(key, Outcome.APPLIED)
    unnamed = []
    for error in objects(body.get("errors")):
        keys = _keys([error], by_email)
        results |= {key: result(CODES, key, code_of(error)) for key in keys}
        if not keys:
            unnamed.append(error)
    silent = [row.key for row in rows if row.key not in results]
    if unnamed and len(silent) == 1:
        results[silent[0]] = result(CODES, silent[0], code_of(unnamed[0]))
    elif unnamed and silent:
        raise BatchRefused(code_of(unnamed[0]), "Mailchimp refused some members of the batch without naming them")
    return [results.get(row.key) or result(CODES, row.key, "no_answer") for row in rows]


def _keys(listed: Iterable[Mapping[str, Any]], by_email: Mapping[str, str]) -> list[str]:
    """Return the keys of the rows that are named; some answers put the address in quotes."""
    emails = (str(one.get(KEY, "")).strip().strip('"').lower() for one in listed)
    return [by_email[email] for email in emails if email in by_email]


def code_of(error: Mapping[str, Any]) -> str:
    """Return the short code of a member's error."""
    message = str(error.get("error", "")).lower()
    told = next((code for words, code in _TOLD if words in message), None)
    return told or short(error.get("error_code") or OTHER)


def mentioned(body: Mapping[str, Any], name: str) -> set[str]:
    """Return the addresses, in lower case, of members that an answer lists under a name."""
    return {str(one.get(KEY, "")).lower() for one in objects(body.get(name))}
