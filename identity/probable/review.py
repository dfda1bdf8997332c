"""The grey zone: pairs that are too likely to forget and too unlikely to link, shown side by side and decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlglot import exp

from identity.probable import records, scratch
from identity.probable.pairs import Decision
from identity.probable.settings import Settings
from warehouse.base import Relation, Warehouse
from warehouse.errors import ConfigError
from warehouse.sql import statement

# Short enough to type; the same in every scoring, so that a list made yesterday can be answered today.
_ID = "substr(md5(type_a || ':' || value_a || ' ' || type_b || ':' || value_b), 1, 12)"
_QUEUE = f"""
select {_ID} as id, type_a, value_a, type_b, value_b, model_version, weight, decision, decided_by, decided_at
from identity_probable_pairs
where $chosen
order by weight desc, type_a, value_a, type_b, value_b
limit $most
"""
_COUNT = "select count(*) as n from identity_probable_pairs where $chosen"
_DECIDE = f"""
update identity_probable_pairs
set decision = $decision, decided_by = $by, decided_at = cast($at as timestamp)
where {_ID} = $id
"""
_REOPEN = f"""
update identity_probable_pairs set decision = null, decided_by = null, decided_at = null where {_ID} = $id
"""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a pair, as the sources wrote it.

    Attributes:
        name: Which.
        first: What the first record says; None where it is not known.
        second: What the second says.
        verdict: ``same``, ``similar``, ``differs``, or ``one side`` where only one says something.
    """

    name: str
    first: str | None
    second: str | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair that waits for a decision.

    Attributes:
        id: What it is decided by.
        a: The first identifier, (type, value).
        b: The second.
        weight: The probability that they are one person.
        model_version: The model that said so.
        person_a: The profile of the first today; None where nobody has it any more.
        person_b: That of the second.
        attributes: What is known of both.
    """

    id: str
    a: tuple[str, str]
    b: tuple[str, str]
    weight: float
    model_version: str
    person_a: str | None
    person_b: str | None
    attributes: tuple[Attribute, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as it is printed as JSON."""
        return {
            "id": self.id,
            "weight": self.weight,
            "model_version": self.model_version,
            "a": {"type": self.a[0], "value": self.a[1], "profile_id": self.person_a},
            "b": {"type": self.b[0], "value": self.b[1], "profile_id": self.person_b},
            "attributes": [
                {"name": each.name, "a": each.first, "b": each.second, "verdict": each.verdict}
                for each in self.attributes
            ],
        }


def waiting(
    warehouse: Warehouse, relations: Mapping[str, Relation], settings: Settings, most: int
) -> tuple[list[Pair], int]:
    """Return the pairs that wait for a decision, the most likely first, and how many there are in all."""
    grey = exp.and_(
        exp.column("decision").is_(exp.null()),
        exp.column("weight") >= settings.review_from,
        exp.column("weight") < settings.threshold,
    )
    found = warehouse.query(statement(_QUEUE, relations, chosen=grey, most=most))
    count = int(warehouse.query(statement(_COUNT, relations, chosen=grey))[0]["n"])
    return _described(warehouse, relations, settings, found), count


def decide(
    warehouse: Warehouse,
    relations: Mapping[str, Relation],
    ids: Sequence[str],
    decision: Decision | None,
    by: str,
    at: datetime,
) -> int:
    """Write a decision about pairs; without one, take back what was decided. Return how many. Call it in a transaction.

    A later decision takes the place of an earlier one.

    Raises:
        ConfigError: There is no pair with one of the ids.
    """
    for each in ids:
        if decision is None:
            changed = warehouse.execute(statement(_REOPEN, relations, id=each))
        else:
            changed = warehouse.execute(statement(_DECIDE, relations, id=each, decision=decision, by=by, at=at))
        if not changed:
            raise ConfigError(
                f"There is no pair {each!r}; nothing was written.",
                where="identity_probable_pairs",
                fix="`weft identity review` lists the pairs that wait; a new scoring may have dropped this one.",
            )
    return len(ids)


def _described(
    warehouse: Warehouse, relations: Mapping[str, Relation], settings: Settings, found: Sequence[Mapping[str, Any]]
) -> list[Pair]:
    """Return pairs with what the sources say of both sides."""
    if not found:
        return []
    names = tuple(settings.compare)
    wanted = sorted({(row[f"type_{side}"], row[f"value_{side}"]) for row in found for side in "ab"})
    said = {
        (row["identifier_type"], row["identifier_value"]): row
        for row in warehouse.query(records.query(relations, names, wanted))
    }
    nobody: Mapping[str, Any] = {}
    sides = []
    for row in found:
        a, b = (row["type_a"], row["value_a"]), (row["type_b"], row["value_b"])
        sides.append((row, a, b, said.get(a, nobody), said.get(b, nobody)))
    values = [(name, first.get(name), second.get(name)) for _, _, _, first, second in sides for name in names]
    verdicts = scratch.verdicts([(settings.compare[name], first, second) for name, first, second in values])
    judged = [
        Attribute(name, first, second, verdict) for (name, first, second), verdict in zip(values, verdicts, strict=True)
    ]
    return [
        Pair(
            row["id"],
            a,
            b,
            float(row["weight"]),
            row["model_version"],
            first.get("person"),
            second.get("person"),
            tuple(
                each
                for each in judged[number * len(names) : (number + 1) * len(names)]
                if each.first is not None or each.second is not None
            ),
        )
        for number, (row, a, b, first, second) in enumerate(sides)
    ]
