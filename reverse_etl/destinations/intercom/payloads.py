"""What Intercom's requests and answers look like: nothing here calls anything.

Sources as in :mod:`reverse_etl.destinations.intercom.destination`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from reverse_etl.answers import Response
from reverse_etl.destinations.codes import OTHER, Codes, Meaning, inside, objects, short
from reverse_etl.destinations.moments import moment
from reverse_etl.http import encode
from reverse_etl.rows import Outcome

EMAIL, EXTERNAL_ID = "email", "external_id"
KEYS = (EMAIL, EXTERNAL_ID)
MOMENTS = frozenset({"signed_up_at", "last_seen_at"})
STANDARD = frozenset({*KEYS, "phone", "name", "avatar", "owner_id", *MOMENTS})
ROLE = "user"  #: a lead becomes a user by what it does, not by a sync; so only users are found and made

#: Only attributes that begin so are ever emptied by a removal: whose the others are cannot be known from here.
OURS = "weft_"

NOT_FOUND = "not_found"
NO_CONTACT = "no_contact"
ARCHIVED = "archived"
SEVERAL = "several"

#: What each code of a row means. Those with a verb or a noun of Intercom's are its own, the others ours.
CODES: Codes = {
    "parameter_invalid": Meaning(Outcome.PERMANENT, "Intercom refused a value of the contact"),
    "parameter_not_found": Meaning(Outcome.PERMANENT, "Intercom misses a value of the contact"),
    "bad_request": Meaning(Outcome.PERMANENT, "Intercom refused the contact"),
    "client_error": Meaning(Outcome.PERMANENT, "Intercom refused the contact"),
    "conflict": Meaning(Outcome.PERMANENT, "another contact of Intercom is in the way"),
    "server_error": Meaning(Outcome.TRANSIENT, "Intercom failed on the contact"),
    "service_unavailable": Meaning(Outcome.TRANSIENT, "Intercom was not available for the contact"),
    "rate_limit_exceeded": Meaning(Outcome.TRANSIENT, "Intercom put the contact off"),
    OTHER: Meaning(Outcome.PERMANENT, "Intercom refused the contact"),
    NOT_FOUND: Meaning(Outcome.INFO, "Intercom has no such user, and the sync creates none"),
    NO_CONTACT: Meaning(Outcome.APPLIED, "Intercom has no such user"),
    ARCHIVED: Meaning(Outcome.INFO, "the contact is archived: only a person can bring it back"),
    SEVERAL: Meaning(Outcome.INFO, "several users of Intercom have the address: which one is meant cannot be known"),
    "no_columns": Meaning(Outcome.APPLIED, f"the feed has no attribute of {OURS}"),
    "nothing_to_write": Meaning(Outcome.APPLIED, "by the policies for empty values, nothing of the row is written"),
}

_ID = re.compile(r"\bid=(\w+)")
_CANONICAL = re.compile(r"/contacts/([^/>\s]+)>")


def contact(values: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, Any]:
    """Return what is written of a contact.

    Args:
        values: Column to value, ``None`` where the field is to be emptied; an identifier cannot be.
        types: The types of the workspace's own attributes, by name.
    """
    body: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    for column, value in values.items():
        if column in KEYS:
            if value is not None:
                body[column] = str(value)
        elif column in MOMENTS:
            body[column] = seconds(value)
        elif column in STANDARD:
            body[column] = None if value is None else str(value)
        else:
            custom[column] = _attribute(value, types.get(column, ""))
    return {**body, "custom_attributes": custom} if custom else body


def created(values: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, Any]:
    """Return a contact that is to be made: what is empty is left out."""
    return {"role": ROLE, **contact({name: value for name, value in values.items() if value is not None}, types)}


def _attribute(value: Any, kind: str) -> Any:
    """Return a value as an attribute of the workspace's own takes it: a text, a number, or whether."""
    if kind == "date":
        return seconds(value)
    if kind == "string" and value is not None and not isinstance(value, str):
        return encode(value).decode()
    return encode(value).decode() if isinstance(value, list | dict) else value


def seconds(value: Any) -> Any:
    """Return a moment in seconds since 1970; what is none stays, for Intercom to refuse."""
    at = moment(value)
    return value if at is None else int(at.timestamp())


def finding(field: str, value: str) -> dict[str, Any]:
    """Return the search for the users with one value."""
    wanted = [
        {"field": field, "operator": "=", "value": value},
        {"field": "role", "operator": "=", "value": ROLE},
    ]
    return {"query": {"operator": "AND", "value": wanted}, "pagination": {"per_page": 5}}


def tagged(tag_id: str, per_page: int, after: str | None) -> dict[str, Any]:
    """Return the search for a page of the contacts with a tag."""
    pagination: dict[str, Any] = {"per_page": per_page, **({"starting_after": after} if after else {})}
    return {"query": {"field": "tag_id", "operator": "=", "value": tag_id}, "pagination": pagination}


def code_of(answer: Response) -> str:
    """Return the short code of a refusal."""
    errors = objects(answer.body.get("errors"))
    code = short(errors[0].get("code") or OTHER) if errors else OTHER
    return str(answer.status) if code == OTHER else code


def in_the_way(answer: Response) -> tuple[str | None, bool]:
    """Return the id of the contact that a conflict names, and whether it is archived.

    Intercom tells both in the message alone, of which nothing else is read.
    """
    errors = objects(answer.body.get("errors"))
    message = str(errors[0].get("message", "")) if errors else ""
    found = _ID.search(message)
    return (found[1] if found else None), "archived" in message.lower()


def canonical(answer: Response) -> str | None:
    """Return the id of the contact that one was merged into, by the link that Intercom gives."""
    found = _CANONICAL.search(answer.headers.get("Link") or "")
    return found[1] if answer.status == 410 and found else None


def next_page(answer: Response) -> str | None:
    """Return where the next page of a search begins; ``None`` where there is none."""
    after = inside(inside(answer.body.get("pages")).get("next")).get("starting_after")
    return str(after) if after else None
