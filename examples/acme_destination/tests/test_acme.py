"""The conformance suite on Acme Mail."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr
from weft_acme.destination import AcmeSettings
from weft_acme.simulator import LIST, AcmeMail

from conformance.case import Case, Stage, Values
from conformance.suite import Conformance


def settings(stage: Stage) -> AcmeSettings:
    """The simulated account's."""
    return AcmeSettings(base_url=f"{stage.sandbox.url}/acme", api_key=SecretStr(AcmeMail.key))


def row(n: int) -> dict[str, Any]:
    """The feed's row of the n-th person, its key first."""
    return {"email": f"person{n}@example.com", "first_name": f"Ann {n}", "town": f"Town {n}", "tier": f"tier {n}"}


def held(stage: Stage) -> dict[str, Values]:
    """What the list holds."""
    return {member["email"]: member for member in stage.sandbox.accounts["acme"].members(LIST)}


CASES = (
    Case(
        destination="acme",
        object="list",
        settings=settings,
        row=row,
        held=held,
        target=LIST,
        filler="town",
        text="first_name",
        clears="tier",
        refused={"email": "not-an-address"},
        unknown="shoe_size",
        missing_target="nothing",
    ),
)


class TestAcme(Conformance):
    """Everything that the suite asks."""

    cases = CASES
