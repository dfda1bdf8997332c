"""Random histories: people who say things, are merged and split, are erased, whose mails bounce and who complain."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from tests.consent.oracle import Identifier, Oracle, Statement

PURPOSES = ("email_marketing", "advertising", "sms_marketing")
PLACES = ("US", "us-ca", "DE", "gdpr", "CA", "Atlantis")
#: event to what it says, if it says something; as seeds/consent_events.csv has it
EVENTS: dict[str, tuple[str, bool] | None] = {
    "email_unsubscribed": ("email_marketing", False),
    "email_subscribed": ("email_marketing", True),
    "email_marked_spam": ("email_marketing", False),
    "sms_unsubscribed": ("sms_marketing", False),
    "ads_opted_out": ("advertising", False),
    "email_bounced": None,
    "email_opened": None,
}


class Neighbours:
    """A handful of identifiers that are a changing number of people."""

    def __init__(self, name: str, dice: random.Random, oracle: Oracle) -> None:
        self.dice = dice
        self.oracle = oracle
        emails = [("email", f"{name}{number}@example.com") for number in range(3)]
        others = [("phone", f"+49170{name[1:]:0>4}{number}") for number in range(2)]
        self.tool_id: Identifier = ("klaviyo_id", f"{name}-k")
        self.tool_email = emails[0]
        self.identifiers: list[Identifier] = [*emails, *others, ("user_id", f"{name}-u"), self.tool_id]
        self.groups = [[identifier] for identifier in self.identifiers]
        self.tables: dict[str, list[dict[str, Any]]] = {
            name: [] for name in ("events", "consents", "traits", "erasures")
        }
        self.changes: list[tuple[str, str, str]] = []
        self._relate()

    def step(self, now: datetime) -> None:
        """Let some things happen, of which some are known late and some come from clocks that run ahead."""
        for _ in range(self.dice.randrange(1, 7)):
            self.dice.choice((self._say, self._say, self._say, self._happen, self._happen, self._live))(now)
        for _ in range(self.dice.randrange(3)):
            self.dice.choice((self._merge, self._merge, self._split))()
        if self.dice.random() < 0.3:
            self.tables["erasures"].clear()  # the source forgets an earlier request with the person
        if self.dice.random() < 0.08:
            self._ask_to_be_erased(now)

    def _some(self) -> Identifier:
        return self.dice.choice(self.identifiers)

    def _moment(self, now: datetime) -> datetime:
        return now + timedelta(days=self.dice.choice((-300, -90, -40, -10, -10, -3, -1, 0, 1, 4)))

    def _say(self, now: datetime) -> None:
        who, purpose, at = self._some(), self.dice.choice(PURPOSES), self._moment(now)
        is_yes, place = self.dice.random() < 0.7, self.dice.choice((None, None, *PLACES))
        status = "granted" if is_yes else self.dice.choice(("denied", "denied", "unsure"))
        self.oracle.statements.append(Statement(who, purpose, is_yes, at))
        if place:
            self.oracle.places.add((who, place))
        self._add("consents", who, purpose=purpose, status=status, jurisdiction=place, occurred_at=at)

    def _happen(self, now: datetime) -> None:
        who, at, event = self._some(), self._moment(now), self.dice.choice(list(EVENTS))
        bounce = self.dice.choice(("Hard", "Soft"))
        if said := EVENTS[event]:
            self.oracle.statements.append(Statement(who, said[0], said[1], at))
        address = self.tool_email if who == self.tool_id else who
        if address[0] == "email" and (event == "email_marked_spam" or (event, bounce) == ("email_bounced", "Hard")):
            self.oracle.suppressed.add(address[1])
        told = f'{{"bounce_type": "{bounce}"}}' if event == "email_bounced" else "{}"
        self._add("events", who, event_name=event, occurred_at=at, properties=told)

    def _live(self, now: datetime) -> None:
        who, place = self._some(), self.dice.choice(PLACES)
        self.oracle.places.add((who, place))
        self._add("traits", who, trait="country", value=place, observed_at=now)

    def _ask_to_be_erased(self, now: datetime) -> None:
        who = self._some()
        self.oracle.requested.add(who)
        self._add("erasures", who, requested_at=now)

    def _merge(self) -> None:
        if len(self.groups) > 1:
            one, other = self.dice.sample(self.groups, 2)
            before, after = self._names(one), self._names(other)
            self.groups = [group for group in self.groups if group not in (one, other)] + [one + other]
            stays = min(before, after)
            self.changes.append((max(before, after), stays, "merge"))
            self._relate()

    def _split(self) -> None:
        long = [group for group in self.groups if len(group) > 1]
        if long:
            group = self.dice.choice(long)
            before = self._names(group)
            self.groups.remove(group)
            self.dice.shuffle(group)
            at = self.dice.randrange(1, len(group))
            parts = [group[:at], group[at:]]
            self.groups += parts
            self.changes.append((before, max(self._names(part) for part in parts), "split"))
            self._relate()

    def _names(self, group: Iterable[Identifier]) -> str:
        """Return the person's id: that of the oldest identifier, as anchors have it."""
        return "p:" + min(value for _, value in group)

    def _relate(self) -> None:
        for group in self.groups:
            for identifier in group:
                self.oracle.people[identifier] = self._names(group)

    def _add(self, table: str, who: Identifier, **columns: Any) -> None:
        said = {"source": "klaviyo", "identifier_type": who[0], "identifier_value": who[1], **columns}
        self.tables[table].append(said)


def sources(neighbours: Iterable[Neighbours], now: datetime) -> dict[str, list[dict[str, Any]]]:
    """Return what the sources and identity say of all of them."""
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in ("identifiers", "identity_map", "identity_changes")}
    for each in neighbours:
        for kind, value in each.identifiers:
            record = "person" if (kind, value) in (each.tool_id, each.tool_email) else value
            of_whom = {"source": "klaviyo", "identifier_type": kind, "identifier_value": value}
            tables["identifiers"].append(of_whom | {"record_id": f"{each.tool_id[1]}:{record}", "observed_at": now})
            tables["identity_map"].append(of_whom | {"profile_id": each.oracle.people[kind, value]})
        tables["identity_changes"] += [
            {"batch": batch, "profile_id_from": before, "profile_id_into": into, "kind": kind, "changed_at": now}
            for batch, (before, into, kind) in enumerate(each.changes)
        ]
        for name, rows in each.tables.items():
            tables.setdefault(name, []).extend(rows)
    return tables
