"""What may be called of Pipedrive, and what the conformance suite needs of it."""

from __future__ import annotations

import re
from typing import Any

from pydantic import SecretStr

from conformance.case import Case, Stage, Values
from reverse_etl.destinations.pipedrive.destination import PipedriveSettings
from reverse_etl.destinations.pipedrive.fields import column
from sandbox.pipedrive.api import Pipedrive
from sandbox.pipedrive.persons import OWN, code

#: The only addresses that may be called, by module. A new one is a decision, made here as well as there.
ADDRESSES: dict[str, set[str]] = {
    "destination": set(),
    "fields": set(),
    "payloads": set(),
    "persons": {"/api/v2/persons", "/api/v2/personFields", "{}/search", "{}/{}"},
}

#: Words of calls that succeed and do harm: they may be explained, never spelled in code.
HARMFUL = re.compile(r"DELETE|/merge")

NAMES = {code(name): column(name) for name in OWN}


def settings(stage: Stage) -> PipedriveSettings:
    """The simulated company's."""
    return PipedriveSettings(base_url=f"{stage.sandbox.url}/pipedrive", api_token=SecretStr(Pipedrive.key))


def row(n: int) -> dict[str, Any]:
    """A person."""
    return {
        "email": f"person{n}@example.com",
        "name": f"Ann {n}",
        "weft_note": f"note {n}",
        "weft_lifetime_value": n + 0.5,
    }


def persons(stage: Stage) -> dict[str, Values]:
    """The persons that carry any field of weft's."""
    held: dict[str, Values] = {}
    for one in stage.sandbox.accounts["pipedrive"].members("persons"):
        values = one | {NAMES[name]: value for name, value in one["custom_fields"].items()}
        values["email"] = one["emails"][0]["value"]
        held[values["email"]] = {name: str(values[name]) for name in row(0) if values.get(name) is not None}
    return held


CASES = (
    Case(
        destination="pipedrive",
        object="person",
        settings=settings,
        row=row,
        held=persons,
        text="weft_note",
        clears="weft_note",
        refused={"email": "not-an-address"},
        unknown="weft_shoe_size",
    ),
)
