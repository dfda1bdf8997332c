"""Random histories: after every run, households and accounts are what a union-find of their own makes of the people."""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import combinations

import pytest

from tests.identity.oracle import Oracle, Record

from .conftest import HouseholdProject, Identifier

START = datetime(2026, 1, 1)
SHARED_ABOVE = {"anonymous_id": {"user_id": 1}, "email": {"user_id": 1}}
MAX_PEOPLE = 3
VARIABLES = {
    "identity_rules": {
        "user_id": {"priority": 10},
        "email": {"priority": 30, "shared_above": {"user_id": 1}},
        "anonymous_id": {"priority": 90, "shared_above": {"user_id": 1}},
        "default": {"priority": 50},
    },
    "household_rules": {
        "address": {"same": ["last_name", "postal_code"], "max_people": MAX_PEOPLE},
        "device": {"shared": "anonymous_id", "max_people": MAX_PEOPLE},
    },
    "account_rules": {
        "company": {"same": ["company_name"], "max_people": 8},
        "domain": {"domain_of": "email", "max_people": 8, "max_others": 2, "min_share": 50},
    },
}
WORLDS = 60


class World:
    """A few people of their own, whose records and attributes come and go."""

    def __init__(self, name: str, dice: random.Random) -> None:
        self.name = name
        self.dice = dice
        self.records: list[Record] = []
        self.attributes: dict[Identifier, dict[str, str]] = {}
        self.written = 0

    def step(self) -> None:
        """Some records are withdrawn, some added; some people move or change their work."""
        self.records = [each for each in self.records if self.dice.random() > 0.2]
        for _ in range(self.dice.randrange(1, 6)):
            self.written += 1
            user = ("user_id", f"{self.name}-{self.dice.randrange(6)}")
            other = self.dice.choice(
                [
                    ("anonymous_id", f"{self.name}-{self.dice.randrange(3)}"),
                    ("email", f"{self.dice.randrange(6)}@{self.name}-{self.dice.randrange(3)}.com"),
                    ("phone", f"+4917{self.name[1:]:0>3}{self.dice.randrange(4)}"),
                ]
            )
            at = START + timedelta(minutes=self.written)
            self.records.append(Record(f"{self.name}-{self.written}", (user, other), at))
        for number in range(6):
            if self.dice.random() < 0.4:
                told = {"last_name": self.pick("n", 2), "postal_code": self.pick("p", 2)}
                told["company_name"] = self.pick("c", 3)
                self.attributes["user_id", f"{self.name}-{number}"] = {
                    name: value for name, value in told.items() if self.dice.random() < 0.7
                }

    def pick(self, kind: str, how_many: int) -> str:
        return f"{self.name}{kind}{self.dice.randrange(how_many)}"


def components(groups: Iterable[Iterable[int]]) -> dict[int, int]:
    """The smallest number that each one is connected to."""
    parent: dict[int, int] = {}

    def find(one: int) -> int:
        parent.setdefault(one, one)
        while parent[one] != one:
            one = parent[one]
        return one

    for group in groups:
        members = sorted(group)
        for one in members:
            smaller, larger = sorted((find(members[0]), find(one)))
            parent[larger] = smaller
    return {one: find(one) for one in parent}


def attributes_of(person: Iterable[Identifier], told: Mapping[Identifier, Mapping[str, str]]) -> dict[str, str]:
    """What the profile of these identifiers shows: the largest value that is told of any of them."""
    shown: dict[str, str] = {}
    for identifier in person:
        for name, value in told.get(identifier, {}).items():
            shown[name] = max(shown.get(name, ""), value)
    return shown


class Town:
    """The people of one moment, by the number of each one's oldest identifier."""

    def __init__(self, oracle: Oracle, records: list[Record], told: Mapping[Identifier, Mapping[str, str]]) -> None:
        profiles = oracle.people(records)
        numbers = {hashlib.md5(f"weft:{number}".encode()).hexdigest(): number for number in oracle.numbers.values()}
        self.number_of = {identifier: numbers[profile] for identifier, profile in profiles.items()}
        self.people: dict[int, set[Identifier]] = defaultdict(set)
        for identifier, number in self.number_of.items():
            self.people[number].add(identifier)
        self.shown = {number: attributes_of(person, told) for number, person in self.people.items()}
        pairs = {pair for record in records for pair in combinations(sorted(set(record.identifiers)), 2)}
        self.shared = oracle._shared(pairs)
        self.pairs = pairs

    def households(self) -> dict[int, int]:
        keys: dict[Hashable, set[int]] = defaultdict(set)
        for number, shown in self.shown.items():
            if {"last_name", "postal_code"} <= shown.keys():
                keys[shown["last_name"], shown["postal_code"]].add(number)
        for left, right in self.pairs:
            for mine, theirs in ((left, right), (right, left)):
                if mine[0] == "anonymous_id" and mine in self.shared and theirs not in self.shared:
                    keys[mine].add(self.number_of[theirs])
        found = components(people for people in keys.values() if len(people) <= MAX_PEOPLE)
        return {number: found.get(number, number) for number in self.people}

    def companies(self) -> dict[int, frozenset[Hashable]]:
        """The keys of companies in force that each person has."""
        people: dict[tuple[str, str], set[int]] = defaultdict(set)
        for number, person in self.people.items():
            if name := self.shown[number].get("company_name"):
                people["company", name].add(number)
            for kind, value in person:
                if kind == "email":
                    people["domain", value.partition("@")[2]].add(number)
        keys: dict[int, set[tuple[str, str]]] = defaultdict(set)
        for key, its_people in people.items():
            for number in its_people:
                keys[number].add(key)

        def counts(key: tuple[str, str]) -> bool:
            its_people = people[key]
            others = [{other for other in keys[number] if other[0] != key[0]} for number in its_people]
            if key[0] == "domain" and (
                len(set().union(*others)) > 2 or 2 * len([1 for o in others if o]) < len(others)
            ):
                return False
            return len(its_people) <= 8

        usable = {key for key in people if counts(key)}
        return {number: frozenset(its & usable) for number, its in keys.items() if its & usable}


def partition(entities: Mapping[Identifier, Hashable]) -> set[frozenset[Identifier]]:
    """Who is together, whatever the ids."""
    groups: dict[Hashable, set[Identifier]] = defaultdict(set)
    for identifier, entity in entities.items():
        groups[entity].add(identifier)
    return {frozenset(group) for group in groups.values()}


@pytest.mark.timeout(600)
def test_every_run_of_a_random_history_equals_a_union_find_and_a_full_refresh(project: HouseholdProject) -> None:
    dice = random.Random(20260702)
    worlds = [World(f"w{number}", dice) for number in range(WORLDS)]
    oracle = Oracle(SHARED_ABOVE)
    for _ in range(3):
        for world in worlds:
            world.step()
        records = [record for world in worlds for record in world.records]
        told = {identifier: shown for world in worlds for identifier, shown in world.attributes.items() if shown}
        project.write(
            [("shop", each.name, kind, value, each.seen_at) for each in records for kind, value in each.identifiers],
            told,
        )
        project.build("--exclude-resource-type", "test", variables=VARIABLES)

        town = Town(oracle, records, told)
        households = town.households()
        assert max(map(len, partition(households_of(town, households)))) > MAX_PEOPLE
        assert project.households() == {
            identifier: hashlib.md5(f"weft:household:{households[number]}".encode()).hexdigest()
            for identifier, number in town.number_of.items()
        }

        companies = town.companies()
        numbers = {
            key: number for number, key in enumerate(sorted({k for keys in companies.values() for k in keys}, key=str))
        }
        accounts = components([numbers[key] for key in keys] for keys in companies.values())
        assert partition(project.accounts()) == partition(
            {
                identifier: accounts[numbers[next(iter(companies[number]))]]
                for identifier, number in town.number_of.items()
                if number in companies
            }
        )

    households_before, accounts_before = project.households(), project.accounts()
    project.build("--full-refresh", variables=VARIABLES)
    assert project.households() == households_before
    assert project.accounts() == accounts_before


def households_of(town: Town, households: Mapping[int, int]) -> dict[Identifier, int]:
    """The household's number by identifier."""
    return {identifier: households[number] for identifier, number in town.number_of.items()}
