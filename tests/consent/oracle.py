"""Who may be sent what, worked out from what happened, one person after the other and without a line of SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

Identifier = tuple[str, str]
#: country or law, in lower case, to (opt-out, days that a yes holds) by purpose; what is missing is opt-in for good.
Rules = Mapping[str, Mapping[str, tuple[bool, int | None]]]


@dataclass(frozen=True)
class Statement:
    """Somebody said yes or no."""

    identifier: Identifier
    purpose: str
    is_yes: bool
    at: datetime


@dataclass
class Oracle:
    """What is known of everybody at one moment; ``erased`` is what it remembers from moment to moment.

    Attributes:
        rules: What holds where.
        people: Whose an identifier is.
        statements: What was said.
        places: Countries and laws that name an identifier's person.
        suppressed: E-mail addresses that bounced, or whose owner complained.
        requested: Identifiers that ever asked to be erased.
        erased: They, and everybody's who were that person then; people under the type ``profile_id``.
    """

    rules: Rules
    people: dict[Identifier, str] = field(default_factory=dict)
    statements: list[Statement] = field(default_factory=list)
    places: set[tuple[Identifier, str]] = field(default_factory=set)
    suppressed: set[str] = field(default_factory=set)
    requested: set[Identifier] = field(default_factory=set)
    erased: set[Identifier] = field(default_factory=set)

    def erase(self) -> None:
        """Take up the requests: once for each run."""
        gone = {self.people[identifier] for identifier in self.requested if identifier in self.people}
        self.erased |= self.requested
        self.erased |= {identifier for identifier, person in self.people.items() if person in gone}
        self.erased |= {("profile_id", person) for person in gone}

    def status(self, person: str, purpose: str, now: datetime) -> str | None:
        """Return granted, denied, or nothing."""
        own = {identifier for identifier, whose in self.people.items() if whose == person}
        known = [
            self.rules.get(place.lower(), {}).get(purpose, (False, None)) for who, place in self.places if who in own
        ]
        days = min((days for _, days in known if days is not None), default=None)
        answers = {self._answer(identifier, purpose, now, days) for identifier in own} - {None}
        if False in answers:
            return "denied"
        if True in answers:
            return "granted"
        by_default = known and all(opt_out for opt_out, _ in known) and ("profile_id", person) not in self.erased
        return "granted" if by_default else None

    def may_be_sent(self, person: str, email: str, purpose: str, now: datetime) -> bool:
        """Tell whether a row with an address may reach a destination."""
        return (
            self.status(person, purpose, now) == "granted"
            and email not in self.suppressed
            and not self.erased & {("email", email), ("profile_id", person)}
        )

    def _answer(self, identifier: Identifier, purpose: str, now: datetime, days: int | None) -> bool | None:
        said = [
            each
            for each in self.statements
            if each.identifier == identifier and each.purpose == purpose and (each.at <= now or not each.is_yes)
        ]
        if not said:
            return None
        last = max(said, key=lambda each: (each.at, not each.is_yes))
        if last.is_yes and days is not None and last.at + timedelta(days=days) <= now:
            return None
        return last.is_yes
