"""The objects of the simulated org, and what their fields take."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[A-Za-z]{2,}")
DATE = re.compile(r"\d{4}-\d\d-\d\d")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)")
NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Field:
    """One field of an object."""

    name: str
    kind: str = "string"
    length: int = 255
    external_id: bool = False
    id_lookup: bool = False
    required: bool = False
    writable: bool = True
    values: tuple[str, ...] = ()
    target: str = ""  #: of a reference: the object that it refers to

    def describe(self) -> dict[str, Any]:
        """Return the part of a describe that tells of it."""
        return {
            "name": self.name,
            "label": self.name.removesuffix("__c").replace("_", " "),
            "type": self.kind,
            "length": self.length if self.kind in TEXTS else 0,
            "externalId": self.external_id,
            "idLookup": self.id_lookup,
            "unique": self.external_id,
            "referenceTo": [self.target] if self.target else [],
            "nillable": not self.required,
            "defaultedOnCreate": False,
            "createable": self.writable,
            "updateable": self.writable and not self.target,
            "filterable": self.kind != "textarea",
            "custom": self.name.endswith("__c"),
            "restrictedPicklist": bool(self.values),
            "picklistValues": [{"value": value, "active": True} for value in self.values],
        }

    def malformed(self, value: Any) -> str | None:
        """Return what the JSON parser says of a value of a wrong type: it refuses the whole call."""
        if value is None or (type(value) is str and self.kind in TEXTS):
            return None
        told = {bool: "VALUE_TRUE", int: "VALUE_NUMBER_INT", float: "VALUE_NUMBER_FLOAT", str: "VALUE_STRING"}
        wrong = (
            (self.kind in TEXTS and not isinstance(value, str))
            or (self.kind == "boolean" and not (isinstance(value, bool) or str(value).lower() in ("true", "false")))
            or (self.kind == "double" and (isinstance(value, bool) or not NUMBER.fullmatch(str(value))))
            or (self.kind == "date" and not DATE.match(str(value)))
            or (self.kind == "datetime" and not MOMENT.fullmatch(str(value)))
        )
        if not wrong:
            return None
        return f"Cannot deserialize instance of {self.kind} from {told.get(type(value), 'START_ARRAY')} value {value}"

    def invalid(self, value: Any) -> tuple[str, str] | None:
        """Return the status code and the message for a value that the record cannot have."""
        text = value if type(value) is str else str(value)
        if self.kind not in TEXTS and self.malformed(value):
            return "INVALID_TYPE_ON_FIELD_IN_RECORD", f"{self.name}: value not of required type: {text}"
        if self.kind in TEXTS and len(text) > self.length:
            return "STRING_TOO_LONG", f"{self.name}: data value too large: {text} (max length={self.length})"
        if self.kind == "email" and not EMAIL.fullmatch(text):
            return "INVALID_EMAIL_ADDRESS", f"{self.name}: invalid email address: {text}"
        if self.values and text not in self.values:
            return (
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                f"{self.name}: bad value for restricted picklist field: {text}",
            )
        return None

    def kept(self, value: Any) -> Any:
        """Return a value as the record has it."""
        if value is None or value == "":
            return None
        if self.kind == "boolean":
            return str(value).lower() == "true"
        return float(value) if self.kind == "double" else value


TEXTS = ("string", "email", "phone", "picklist", "textarea", "reference", "id")

_ID = Field("Id", "id", 18, id_lookup=True, writable=False)
_OURS = (
    Field("Weft_Id__c", external_id=True, id_lookup=True, length=100),
    Field("weft_tier__c", "picklist", values=("gold", "silver", "bronze")),
    Field("weft_lifetime_value__c", "double"),
    Field("weft_note__c", "textarea", 32_768),
    Field("weft_words__c", "textarea", 131_072),
    Field("weft_seen_at__c", "datetime"),
    Field("weft_active__c", "boolean"),
)
_PERSON = (
    _ID,
    Field("FirstName", length=40),
    Field("LastName", length=80, required=True),
    Field("Email", "email", 80, id_lookup=True),
    Field("Phone", "phone", 40),
    Field("Name", length=121, writable=False),
    Field("CreatedDate", "datetime", writable=False),
    *_OURS,
)


@dataclass(frozen=True)
class Thing:
    """One object: its fields by their name in lower case, and the three letters that its ids begin with."""

    name: str
    prefix: str
    fields: Mapping[str, Field]
    unique: tuple[str, ...] = ()  #: fields that no two records have the same values of

    @cached_property
    def required(self) -> list[str]:
        """The fields that a record must have."""
        return [field.name for field in self.fields.values() if field.required]

    def of(self, record: Mapping[str, Any]) -> Iterator[tuple[Field | None, str, Any]]:
        """Yield the fields of a record, ``None`` for one that there is not, with the name and the value given."""
        for name, value in record.items():
            if name != "attributes":
                yield self.fields.get(name.lower()), name, value


def _thing(name: str, prefix: str, *fields: Field, unique: tuple[str, ...] = ()) -> Thing:
    return Thing(name, prefix, {field.name.lower(): field for field in fields}, unique)


THINGS: Mapping[str, Thing] = {
    thing.name.lower(): thing
    for thing in (
        _thing("Contact", "003", *_PERSON, Field("MobilePhone", "phone", 40), Field("Birthdate", "date")),
        _thing(
            "Lead", "00Q", *_PERSON, Field("Company", required=True), Field("IsConverted", "boolean", writable=False)
        ),
        _thing("Account", "001", _ID, Field("Name", required=True), Field("Phone", "phone", 40), *_OURS),
        _thing("Campaign", "701", _ID, Field("Name", required=True), Field("IsActive", "boolean")),
        _thing(
            "CampaignMember",
            "00v",
            _ID,
            Field("CampaignId", "reference", 18, required=True, target="Campaign"),
            Field("ContactId", "reference", 18, target="Contact"),
            Field("LeadId", "reference", 18, target="Lead"),
            Field("Status", "picklist", values=("Sent", "Responded")),
            unique=("CampaignId", "ContactId"),
        ),
        _thing("Loyalty__c", "a00", _ID, Field("Name", length=80), *_OURS),
    )
}
