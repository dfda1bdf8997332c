"""Random histories of what sources say: profiles, now and at any moment, are what a little Python makes of them."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest
import yaml

from tests.commands import python
from tests.profiles.conftest import World

START = datetime(2026, 1, 1)
DAYS = 4
SOURCES = ("shopify", "pos", "klaviyo", "hubspot")
PRIORITY = ("shopify", "pos", "hubspot", "zendesk", "klaviyo", "segment")
RULES: dict[str, Any] = {
    "first_name": "source_priority",
    "birth_date": ["pos", "shopify"],
    "city": "most_recent",
    "country": "most_frequent",
    "job_title": {"expression": "length(value)"},
    "email": "most_recent",
    "user_id": "most_recent",
}
VALUES = {
    "first_name": ("Ada", "Ada L.", "Bob"),
    "birth_date": ("1990-02-28", "1990-02-30", "1815-12-10"),
    "city": ("Ulm", "Bonn", "Rome"),
    "country": ("DE", "AT", "IT"),
    "job_title": ("Chief", "Engineer", "Chief Engineer"),
    "shoe_size": ("41", "42"),  # which profiles do not show
}
PAST = """
with spine as (select profile_id, moment from input.spine),
past as ({{ profiles_as_of('spine') }})
select * from past
"""
PAST_SOURCES = """
with spine as (select profile_id, moment from input.spine),
past as ({{ profile_sources_as_of('spine') }})
select * from past
"""

Key = tuple[str, str, str, str]  # source, identifier type, identifier value, attribute


@dataclass(frozen=True)
class Statement:
    """What a source says of an identifier, from when, and at which run it was found gone."""

    value: str
    at: datetime | None
    until: datetime | None = None


@dataclass
class Sources:
    """All that was ever said, and who is who."""

    random: random.Random
    people: dict[tuple[str, str], str] = field(default_factory=dict)
    said: dict[Key, list[Statement]] = field(default_factory=dict)
    bounced: dict[str, datetime] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for number in range(10):
            for kind, value in (("user_id", f"{number}"), ("email", f"e{number}@example.com")):
                self.people[kind, value] = f"p{number // 2}"
                self.said["shopify", kind, value, kind] = [Statement(value, START - timedelta(days=number))]

    def let_a_day_pass(self, run: datetime) -> None:
        """Change some of what the sources say between the run before and this one."""
        touched = set()
        for _ in range(30):
            kind, value = self.random.choice(list(self.people))
            key = (self.random.choice(SOURCES), kind, value, self.random.choice(list(VALUES)))
            statements = self.said.setdefault(key, [])
            last = statements[-1] if statements else None
            if key in touched:
                continue  # of two words on one day, nobody ever sees the first
            touched.add(key)
            attribute = key[-1]
            chance = self.random.random()
            said = self.random.choice(VALUES[attribute])
            if last is not None and last.until is None and chance < 0.2:
                statements[-1] = Statement(last.value, last.at, run)  # deleted
            elif last is not None and last.until is None and chance < 0.4:
                statements[-1] = Statement(said, last.at)  # corrected, as if it had been so from the start
            elif last is None and chance < 0.5:
                late = timedelta(hours=self.random.randrange(200)) if chance < 0.4 else None
                statements.append(Statement(said, run - late if late is not None else None))
            else:
                statements.append(Statement(said, run - timedelta(hours=self.random.randrange(1, 24))))
        moved = self.random.choice(list(self.people))  # a merge, a split, or a bit of both
        self.people[moved] = self.random.choice(sorted({*self.people.values(), f"p{self.random.randrange(20)}"}))
        self.bounced.setdefault(f"e{self.random.randrange(10)}@example.com", run - timedelta(hours=2))

    def known(self, moment: datetime) -> Iterable[tuple[Key, Statement]]:
        for key, statements in self.said.items():
            valid = [
                each
                for each in statements
                if (each.at is None or each.at <= moment) and (each.until is None or each.until > moment)
            ]
            if valid:
                yield key, valid[-1]

    def profiles(self, moment: datetime) -> dict[str, dict[str, tuple[str, str, datetime | None]]]:
        """What each person's profile shows as of a moment: per attribute the value, its source and its time."""
        candidates: dict[tuple[str, str], dict[tuple[str, str], list[datetime | None]]] = {}
        for (source, kind, value, attribute), statement in self.known(moment):
            person = self.people[kind, value]
            if person not in self.erased:
                found = candidates.setdefault((person, attribute), {})
                found.setdefault((statement.value, source), []).append(statement.at)
        shown: dict[str, dict[str, tuple[str, str, datetime | None]]] = {}
        for (person, attribute), found in candidates.items():
            if attribute in RULES:
                value, source = min(found, key=lambda each: self._order(attribute, each, found, moment))
                times = [at for at in found[value, source] if at is not None]
                shown.setdefault(person, {})[attribute] = (value, source, max(times, default=None))
        return shown

    def _order(
        self,
        attribute: str,
        candidate: tuple[str, str],
        found: Mapping[tuple[str, str], list[datetime | None]],
        moment: datetime,
    ) -> tuple[Any, ...]:
        (value, source), rule = candidate, RULES[attribute]
        order = PRIORITY if rule == "source_priority" else rule if isinstance(rule, list) else ()
        times = [at for at in found[candidate] if at is not None]
        preferred: float = 0
        if rule == "most_frequent":
            preferred = -sum(len(each) for (other, _), each in found.items() if other == value)
        elif isinstance(rule, dict):
            preferred = -len(value)
        return (
            attribute == "email" and self.bounced.get(value, moment + timedelta(1)) <= moment,
            order.index(source) if source in order else 1000,
            preferred,
            not times,
            -max(times).timestamp() if times else 0,
            value,
            source,
        )


def write(world: World, sources: Sources, moment: datetime) -> None:
    """Let the input tables say what the sources say now: the latest only."""
    with duckdb.connect(str(world.warehouse)) as connection:
        for table in ("traits", "identifiers", "identity_map", "events"):
            connection.execute(f"delete from input.{table}")
        for (source, kind, value, attribute), statements in sources.said.items():
            last = statements[-1]
            if last.until is not None:
                continue
            if attribute == kind:
                row = [source, f"record:{value}", kind, value, last.at]
                connection.execute("insert into input.identifiers values (?, ?, ?, ?, ?)", row)
            else:
                row = [source, kind, value, attribute, last.value, last.at]
                connection.execute("insert into input.traits values (?, ?, ?, ?, ?, ?)", row)
        for (kind, value), person in sources.people.items():
            connection.execute(
                "insert into input.identity_map values (?, ?, ?, ?, ?)", [kind, value, person, START, moment]
            )
        for address, at in sources.bounced.items():
            event = [address, "klaviyo", "email_bounced", at, at, "email", address, '{"bounce_type": "hard"}']
            connection.execute("insert into input.events values (?, ?, ?, ?, ?, ?, ?, ?)", event)


def build(world: World, moment: datetime, *arguments: str) -> None:
    selected = ("--select", "+file:profiles.sql", "+past", "past_sources")
    world.build(moment.isoformat(), "run", *selected, *arguments)


def shown(world: World) -> dict[str, dict[str, tuple[str, str, datetime | None]]]:
    found: dict[str, dict[str, tuple[str, str, datetime | None]]] = {}
    for person, attribute, value, source, at in world.read(
        "select profile_id, attribute, value, source, observed_at from weft_profiles.profile_sources"
    ):
        found.setdefault(person, {})[attribute] = (value, source, at)
    return found


def as_columns(profile: Mapping[str, tuple[str, str, datetime | None]]) -> dict[str, str | None]:
    """The values of a profile in their types, as text."""
    values: dict[str, str | None] = {name: profile[name][0] if name in profile else None for name in RULES}
    return values | {"birth_date": None if values["birth_date"] == "1990-02-30" else values["birth_date"]}


@dataclass
class Told:
    """A history that was built day by day."""

    world: World
    sources: Sources
    moments: list[datetime]
    after_each_run: list[tuple[dict[str, Any], dict[str, Any]]]
    rows: list[tuple[Any, ...]]
    rows_again: list[tuple[Any, ...]]


ROWS = "select rowid, * exclude (fingerprint) from weft_profiles.profile_attributes order by all"


@pytest.fixture(scope="module")
def told(world: World) -> Told:
    path = world.folder / "models" / "profiles" / "profiles.yml"
    declared = yaml.safe_load(path.read_text(encoding="utf-8"))
    for column in declared["models"][0]["columns"]:
        if column["name"] in RULES:
            column["config"]["meta"]["survivorship"] = RULES[column["name"]]
    path.write_text(yaml.safe_dump(declared), encoding="utf-8")
    for name, text in (("past", PAST), ("past_sources", PAST_SOURCES)):
        (world.folder / "models" / "profiles" / f"{name}.sql").write_text(text, encoding="utf-8")
    world.write("create table input.spine (profile_id varchar, moment timestamp)")
    world.build(START.isoformat(), "seed")
    sources = Sources(random.Random(7))
    moments, after = [], []
    for day in range(DAYS):
        moments.append(run := START + timedelta(days=1 + day))
        sources.let_a_day_pass(run)
        if day == DAYS - 1:
            person = sources.people["email", "e0@example.com"]
            sources.erased.add(person)
            world.add(
                "erasures",
                {"identifier_type": "email", "identifier_value": "e0@example.com", "requested_at": run, "source": "x"},
            )
            rows = [(person, run) for person in {*sources.people.values()} for run in moments]
            for person, moment in rows:
                for hours in (0, 13):
                    at = moment - timedelta(hours=hours)
                    world.write("insert into input.spine values (?, ?)", [person, at])
            former = sources.people["user_id", "9"]
            world.write("insert into input.identity_aliases values ('former', ?)", [former])
            world.write("insert into input.spine values ('former', ?)", [moments[1]])
        write(world, sources, run)
        build(world, run)
        after.append((shown(world), sources.profiles(run)))
    before = world.read(ROWS)
    build(world, moments[-1])
    return Told(world, sources, moments, after, before, world.read(ROWS))


def test_every_run_shows_what_the_rules_prefer_of_what_the_sources_say_now(told: Told) -> None:
    for found, expected in told.after_each_run:
        assert found == expected
    assert any(len({source for _, source, _ in each.values()}) > 1 for each in told.after_each_run[-1][0].values())


def test_a_run_without_news_writes_nobody(told: Told) -> None:
    assert told.rows_again == told.rows


def test_as_of_a_moment_profiles_are_what_was_known_then(told: Told) -> None:
    names = list(RULES)
    columns = ", ".join(f"{name}::varchar" for name in names)
    found = told.world.read(f"select profile_id, moment, {columns}, is_email_reachable from weft_profiles.past")
    asked = told.world.read("select distinct profile_id, moment from input.spine")
    living = {"former": told.sources.people["user_id", "9"]}
    assert len(found) == len(
        {(person, at) for person, at in asked if living.get(person, person) not in told.sources.erased}
    )
    assert len(found) > 30
    sources: dict[tuple[str, datetime], dict[str, tuple[str, str, datetime | None]]] = {}
    for person, moment, attribute, value, source, at in told.world.read(
        "select profile_id, moment, attribute, value, source, observed_at from weft_profiles.past_sources"
    ):
        sources.setdefault((person, moment), {})[attribute] = (value, source, at)
    for person, moment, *values, is_reachable in found:
        profile = told.sources.profiles(moment).get(living.get(person, person), {})
        assert sources.get((person, moment), {}) == profile, (person, moment)
        assert dict(zip(names, values, strict=True)) == as_columns(profile), (person, moment)
        address = profile["email"][0] if "email" in profile else ""
        bounced = told.sources.bounced.get(address, moment + timedelta(1))
        assert is_reachable == ("email" in profile and bounced > moment)


def test_what_was_said_of_erased_people_is_kept_nowhere(told: Told) -> None:
    identifiers = [key for key, person in told.sources.people.items() if person in told.sources.erased]
    assert identifiers
    kept = set(told.world.read("select identifier_type, identifier_value from weft_profiles.profile_statement_history"))
    assert kept
    assert not kept & set(identifiers)
    for table in ("profile_attributes", "profile_sources", "profiles", "past"):
        people = {person for (person,) in told.world.read(f"select profile_id from weft_profiles.{table}")}
        assert people
        assert not people & told.sources.erased


def test_the_command_line_answers_as_of_a_moment_by_the_same_rules(told: Told) -> None:
    world, moment = told.world, told.moments[1]
    for status, at in (("granted", moment - timedelta(days=1)), ("denied", moment + timedelta(hours=1))):
        consent = {"source": "consent", "identifier_type": "email", "identifier_value": "e9@example.com"}
        world.add("consents", {**consent, "purpose": "email_marketing", "status": status, "occurred_at": at})
    person = told.sources.people["email", "e9@example.com"]
    stays = [("early", -9, None), ("left", -9, -1), ("leaves", -9, 1), ("late", 1, None)]
    world.write("create schema weft_segments")
    columns = "segment text, profile_id text, entered_at timestamp, exited_at timestamp"
    world.write(f"create table weft_segments.segment_history ({columns})")
    for segment, *hours in stays:
        times = [hour and moment + timedelta(hours=hour) for hour in hours]
        world.write("insert into weft_segments.segment_history values (?, ?, ?, ?)", [segment, person, *times])
    tables = "select table_schema, table_name from information_schema.tables order by all"
    before = {each: world.read(f"from {each[0]}.{each[1]} order by all") for each in world.read(tables)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WEFT_", "DBT_"))}
    env = {**kept, "WEFT_DUCKDB_PATH": str(world.warehouse), "WEFT_AS_OF": told.moments[-1].isoformat()}
    command = ("weft", "profile", "email:e9@example.com", "--as-of", f"{moment.isoformat()}Z", "--json")
    done = python(*command, cwd=world.folder, env=env)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)

    expected = told.sources.profiles(moment)[person]
    assert {name: answer["profile"][name] for name in RULES} == as_columns(expected)
    assert {row["attribute"]: row["source"] for row in answer["sources"]} == {
        name: source for name, (_, source, _) in expected.items()
    }
    assert [(row["purpose"], row["status"]) for row in answer["consents"]] == [("email_marketing", "granted")]
    assert [row["segment"] for row in answer["segments"]] == ["early", "leaves"]
    assert {row["identifier_value"] for row in answer["suppressions"]} == {
        address
        for address, at in told.sources.bounced.items()
        if at <= moment and told.sources.people["email", address] == person
    }
    assert {each: world.read(f"from {each[0]}.{each[1]} order by all") for each in world.read(tables)} == before


def test_a_changed_rule_ranks_everybody_anew_and_a_full_refresh_says_the_same(told: Told) -> None:
    path = told.world.folder / "models" / "profiles" / "profiles.yml"
    text = path.read_text(encoding="utf-8")
    declared = yaml.safe_load(text)
    for column in declared["models"][0]["columns"]:
        if column["name"] == "city":
            column["config"]["meta"]["survivorship"] = {"expression": "case value when 'Rome' then 1 else 0 end"}
    path.write_text(yaml.safe_dump(declared), encoding="utf-8")
    query = "select * from weft_profiles.profile_attributes order by all"
    build(told.world, told.moments[-1])
    changed = told.world.read(query)
    romans = told.world.read(
        "select profile_id, city from weft_profiles.profiles where profile_id in "
        "(select profile_id from weft_profiles.profile_attributes where attribute = 'city' and value = 'Rome')"
    )
    assert {city for _, city in romans} == {"Rome"}
    assert {person: profile.get("city") for person, profile in shown(told.world).items()} != {
        person: profile.get("city") for person, profile in told.after_each_run[-1][0].items()
    }
    build(told.world, told.moments[-1], "--full-refresh")
    assert told.world.read(query) == changed
    history = told.world.read("select count(*), count(withdrawn_at) from weft_profiles.profile_statement_history")
    assert history[0][0] > history[0][1] > 0
