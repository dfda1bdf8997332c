"""What Pipedrive's requests and answers look like: nothing here calls anything.

Sources as in :mod:`reverse_etl.destinations.pipedrive.destination`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reverse_etl.answers import Response
from reverse_etl.destinations.codes import OTHER, Codes, Meaning, inside, objects, short
from reverse_etl.destinations.pipedrive.fields import Field
from reverse_etl.rows import Outcome

EMAIL, NAME, PHONE = "email", "name", "phone"
NUMBERS = frozenset({"org_id", "owner_id"})
STANDARD = frozenset({EMAIL, NAME, PHONE, *NUMBERS})

#: Only fields that begin so are ever emptied by a removal: whose the others are cannot be known from here.
OURS = "weft_"

NOT_FOUND = "not_found"
NO_PERSON = "no_person"
SEVERAL = "several"
UNFIT = "unfit"

CODES: Codes = {
    OTHER: Meaning(Outcome.PERMANENT, "Pipedrive refused the person"),
    UNFIT: Meaning(Outcome.PERMANENT, "a value is no option of its field, or not of its type"),
    NOT_FOUND: Meaning(Outcome.INFO, "Pipedrive has no such person, and the sync creates none"),
    NO_PERSON: Meaning(Outcome.APPLIED, "Pipedrive has no such person"),
    SEVERAL: Meaning(Outcome.INFO, "several persons of Pipedrive have the address: which one is meant cannot be known"),
    "no_columns": Meaning(Outcome.APPLIED, f"the feed has no field of {OURS}"),
    "nothing_to_write": Meaning(Outcome.APPLIED, "by the policies for empty values, nothing of the row is written"),
}


def person(values: Mapping[str, Any], fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return what is written to a person that is there, but for its addresses and numbers.

    Args:
        values: Column to value, ``None`` where the field is to be emptied.
        fields: The fields of one's own by column.

    Raises:
        ValueError: A value does not fit its field.
    """
    body: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    for name, value in values.items():
        if name in (EMAIL, PHONE):
            continue
        if name in NUMBERS:
            body[name] = None if value is None else int(value)
        elif name == NAME:
            if value is not None:  # a person cannot be without
                body[name] = str(value)
        elif name in fields:
            custom[fields[name].code] = fields[name].value(value)
    return {**body, "custom_fields": custom} if custom else body


def created(values: Mapping[str, Any], fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return a person that is to be made; its address is its name where the feed has none."""
    given = {name: value for name, value in values.items() if value is not None}
    body = person(given, fields)
    body["name"] = body.get("name") or str(given[EMAIL])
    body["emails"] = [_entry(given[EMAIL])]
    if given.get(PHONE):
        body["phones"] = [_entry(given[PHONE])]
    return body


def with_phone(phone: str, there: Any) -> list[dict[str, Any]] | None:
    """Return the numbers of a person with one more; ``None`` where it is among them.

    A list that is written takes the place of the one that is there, so what others entered has to be sent again.
    """
    phones = objects(there)
    if any(str(one.get("value")) == phone for one in phones):
        return None
    kept = [{name: one[name] for name in ("value", "label", "primary") if name in one} for one in phones]
    return [*kept, {"value": phone, "label": "work", "primary": not kept}]


def _entry(value: Any) -> dict[str, Any]:
    return {"value": str(value), "primary": True, "label": "work"}


def found_ids(answer: Response, email: str) -> list[str]:
    """Return the ids of the persons that a search found by an address, but for those that only look like it."""
    items = [inside(one.get("item")) for one in objects(inside(answer.body.get("data")).get("items"))]
    return [
        str(item["id"])
        for item in items
        if "id" in item and email.lower() in [str(one).lower() for one in item.get("emails") or ()]
    ]


def code_of(answer: Response) -> str:
    """Return the short code of a refusal."""
    code = short(answer.body.get("code") or OTHER)
    return str(answer.status) if code == OTHER else code
