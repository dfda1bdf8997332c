"""Invented histories of events and of who is whom, for tests that build them bit by bit."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

_NAMES = ("order_completed", "order_refunded", "product_added", "product_removed", "product_viewed", "ticket_rated")
_IDENTIFIERS = 3

Row = tuple[Any, ...]


@dataclass
class History:
    """People with their identifiers and events, as they are said to be at one time; `live` makes it another time.

    Args:
        seed: The same number makes the same history.
        people: How many there are in the beginning.
        start: Around when the events happen.
    """

    seed: int
    people: int
    start: datetime
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    persons: list[list[int]] = field(default_factory=list)
    erased: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)
        self._known = 0
        self._events_made = 0
        self.persons = [self._identifiers() for _ in range(self.people)]
        for _ in range(8 * self.people):
            self.add_event()

    def _identifiers(self) -> list[int]:
        self._known += _IDENTIFIERS
        return list(range(self._known - _IDENTIFIERS, self._known))

    def add_event(self, identifier: int | None = None, days: float | None = None) -> None:
        """Something happens to somebody, up to 400 days before the start or a few days after it."""
        self._events_made += 1
        days = self._dice.uniform(-400, 5) if days is None else days
        at = (self.start + timedelta(days=days)).replace(microsecond=0)
        self.events[f"e{self._events_made}"] = {
            "identifier": self._dice.randrange(self._known) if identifier is None else identifier,
            "event_name": self._dice.choice(_NAMES),
            "occurred_at": at,
            "received_at": at + timedelta(hours=self._dice.randrange(50)),
            "properties": self._properties(),
        }

    def _properties(self) -> dict[str, Any]:
        return {
            "total": self._dice.randrange(1, 9000) / 100,
            "amount": self._dice.randrange(1, 9000) / 100,
            "currency": self._dice.choice(("EUR", "gbp", "XXX")),
            "channel": self._dice.choice(("web", "store", None)),
            "cart_id": f"c{self._dice.randrange(3)}",
            "value": self._dice.randrange(1, 50),
            "score": self._dice.choice(("good", "bad")),
        }

    def live(self, things: int) -> None:
        """So many of each happen: events, late, corrected, deleted; merges, splits, arrivals; and one erasure."""
        for _ in range(things):
            self.add_event()
            # A correction: the same event, received when it was, that says something else or is somebody else's.
            self._event()["properties"] = self._properties()
            self._event()["occurred_at"] += timedelta(days=self._dice.choice((-100, -1, 1)))
            self._event()["identifier"] = self._dice.randrange(self._known)
            del self.events[self._dice.choice(sorted(self.events))]
            self._merge()
            self._split()
            self.persons.append(self._identifiers())
            self.add_event(self._known - 1)
        self.erased.add(self._dice.choice(self._dice.choice(self.persons)))
        for identifier in self._dice.choice(self.persons):  # nobody mentions this person's events any more
            self.events = {key: each for key, each in self.events.items() if each["identifier"] != identifier}

    def _event(self) -> dict[str, Any]:
        return self.events[self._dice.choice(sorted(self.events))]

    def _merge(self) -> None:
        one, other = self._dice.sample(range(len(self.persons)), 2)
        self.persons[one] = self.persons[one] + self.persons[other]
        del self.persons[other]

    def _split(self) -> None:
        person = self._dice.choice([each for each in self.persons if len(each) > 1])
        person.sort()
        self.persons.append([person.pop()])

    def identity_map(self) -> list[Row]:
        """Rows of the model of that name: a person is called after their oldest identifier."""
        return [
            ("user_id", f"u{identifier}", f"p{min(person)}", self.start, self.start)
            for person in self.persons
            for identifier in person
        ]

    def event_rows(self) -> list[Row]:
        """Rows of the model events."""
        return [
            (
                *(event_id, "shop", event["event_name"], event["occurred_at"], event["received_at"]),
                *("user_id", f"u{event['identifier']}", json.dumps(event["properties"])),
            )
            for event_id, event in self.events.items()
        ]

    def erasures(self) -> list[Row]:
        """Rows of the model erasures."""
        return [("user_id", f"u{identifier}", self.start, "privacy") for identifier in sorted(self.erased)]

    def expected(self, as_of: datetime) -> list[Row]:
        """Which event is whose at a moment, as profile_events ought to say it."""
        owner = {
            identifier: f"p{min(person)}"
            for person in self.persons
            if not self.erased.intersection(person)
            for identifier in person
        }
        return sorted(
            (event_id, owner[event["identifier"]])
            for event_id, event in self.events.items()
            if event["identifier"] in owner and event["occurred_at"] <= as_of
        )
