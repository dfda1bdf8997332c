"""The fields of one's own that Pipedrive's persons have: named by a hash there, and by their names in a feed.

Sources as in :mod:`reverse_etl.destinations.pipedrive.destination`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reverse_etl.destinations.codes import objects
from reverse_etl.destinations.moments import moment
from reverse_etl.http import encode

TEXTS = frozenset({"varchar", "varchar_auto", "text", "phone"})
NUMBERS = frozenset({"double", "int"})
CHOICES = frozenset({"enum", "set"})
TAKEN = TEXTS | NUMBERS | CHOICES | {"date"}

_OTHER = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of one's own.

    Attributes:
        code: What requests call it.
        kind: Its type.
        options: The ids of its options by their labels, in lower case.
    """

    code: str
    kind: str
    options: Mapping[str, int] = field(default_factory=dict)

    def value(self, value: Any) -> Any:
        """Return a value as the field takes it; ``None`` empties any.

        Raises:
            ValueError: It has no such option, or is of another type.
        """
        if value is None:
            return None
        if self.kind == "set":
            return [self._option(one) for one in (value if isinstance(value, list) else str(value).split(","))]
        if self.kind == "enum":
            return self._option(value)
        if self.kind in NUMBERS:
            number = float(value)
            return int(number) if number.is_integer() else number
        if self.kind == "date":
            at = moment(value)
            if at is None:
                raise ValueError("not a date")
            return at.date().isoformat()
        return value if isinstance(value, str) else encode(value).decode()

    def _option(self, value: Any) -> int:
        found = self.options.get(str(value).strip().lower())
        if found is None:
            raise ValueError("no such option")
        return found


def column(name: str) -> str:
    """Return the feed column that a field's name stands for: ``Weft tier`` is ``weft_tier``."""
    return _OTHER.sub("_", name.lower()).strip("_")


def by_column(told: Iterable[Mapping[str, Any]]) -> dict[str, list[Field]]:
    """Return the fields of one's own by the columns that they can be filled from: their names and their codes."""
    found: dict[str, list[Field]] = {}
    for one in told:
        if not one.get("is_custom_field") or not one.get("field_code"):
            continue
        options = {
            str(option["label"]).strip().lower(): int(option["id"])
            for option in objects(one.get("options"))
            if isinstance(option.get("id"), int) and option.get("label") is not None
        }
        made = Field(str(one["field_code"]), str(one.get("field_type")), options)
        for name in {column(str(one.get("field_name", ""))), made.code}:
            found.setdefault(name, []).append(made)
    return found
