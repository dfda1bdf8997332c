"""What may be called of Meta."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

from pydantic import SecretStr

from conformance.case import Case, Stage, Values
from reverse_etl.destinations.meta.destination import MetaSettings
from sandbox.meta.api import Meta

#: The only addresses that may be called, by module. A new one is a decision, made here as well as there.
ADDRESSES: dict[str, set[str]] = {
    "destination": {"/{}/{}", "{}/users"},
    "hashing": set(),
}

#: Words of calls that succeed and do harm: they may be explained, never spelled in code.
HARMFUL = re.compile(r"usersreplace|delete_all")


def settings(stage: Stage) -> MetaSettings:
    """The simulated account's."""
    return MetaSettings(base_url=f"{stage.sandbox.url}/meta", access_token=SecretStr(Meta.key))


def row(n: int) -> dict[str, Any]:
    """A person."""
    return {
        "external_id": f"crm-{n:07d}",
        "email": f"person{n}@example.com",
        "phone": f"+4915{n:09d}",
    }


def expected(row: Values) -> tuple[str, Values]:
    """An entry of the audience."""
    hashed = {"EMAIL": row["email"], "PHONE": row["phone"].lstrip("+")}
    entry = {name: sha256(value.encode()).hexdigest() for name, value in hashed.items()}
    return row["external_id"], {"EXTERN_ID": row["external_id"], **entry}


def audience(stage: Stage) -> dict[str, Values]:
    """Whom the audience holds."""
    return {entry["EXTERN_ID"]: entry for entry in stage.sandbox.accounts["meta"].members(Meta.audience)}


CASES = (
    Case(
        destination="meta",
        object="custom_audience",
        settings=settings,
        row=row,
        held=audience,
        expected=expected,
        target=Meta.audience,
        missing_target="999",
    ),
)
