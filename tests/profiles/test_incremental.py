"""A run writes who is news and nobody else, and what is there is then what a full build would make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.profiles.history import History

if TYPE_CHECKING:
    from tests.profiles.conftest import World

START = datetime(2026, 7, 1)

#: What is compared, without the columns that tell when something was written and not what.
COMPARED = {
    "profile_events": "",
    "profile_timelines": "exclude (changed_at)",
    "profile_trait_values": "exclude (computed_at)",
    "profile_traits": "exclude (computed_at)",
}
CHAIN = (
    *("profile_event_news", "profile_events", "profile_timelines"),
    *("profile_event_values", "profile_trait_news", "profile_trait_values", "profile_traits"),
)

# The full build shares everything that comes before these models: erased_identifiers remembers what was, and is to.
SCHEMAS = """
{% macro generate_schema_name(name, node) -%}
    {{ 'full_profiles' if var('in_full', false) and node.name in ["""
SCHEMAS += ", ".join(f"'{model}'" for model in CHAIN)
SCHEMAS += """] else target.schema ~ ('_' ~ name if name else '') }}
{%- endmacro %}
"""


class Growing:
    """A world that is built bit by bit, and in full beside it to compare with."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.history = History(seed=7, people=60, start=START)
        self.day = 0.0
        (world.folder / "macros" / "generate_schema_name.sql").write_text(SCHEMAS, encoding="utf-8")

    @property
    def moment(self) -> datetime:
        return START + timedelta(days=self.day)

    def load(self) -> None:
        """Writes down the history as it is now."""
        for table, rows in (
            ("identity_map", self.history.identity_map()),
            ("events", self.history.event_rows()),
            ("erasures", self.history.erasures()),
        ):
            self.world.write(f"delete from input.{table}")
            marks = ", ".join("?" for _ in rows[0]) if rows else ""
            values = ", ".join(f"({marks})" for _ in rows)
            if rows:
                self.world.write(f"insert into input.{table} values {values}", [value for row in rows for value in row])

    def run(self, *select: str) -> None:
        """Builds what was there before with what is new."""
        self.load()
        self.world.build(self.moment.isoformat(), "run", "--select", *(select or ("+profile_traits",)))

    def check(self) -> None:
        """Compares what is there with a full build, and the events with what the history says."""
        found = self.world.read("select event_id, profile_id from weft_profiles.profile_events")
        assert sorted(found) == self.history.expected(self.moment)
        self.world.write("drop schema if exists full_profiles cascade")
        flags = ("--vars", "{in_full: true}", "--target-path", "target_in_full")
        self.world.build(self.moment.isoformat(), "run", *flags, "--select", *CHAIN)
        for table, columns in COMPARED.items():
            grown, full = (
                f"(select * {columns} from {schema}.{table})" for schema in ("weft_profiles", "full_profiles")
            )
            differing = f"({grown} except all {full}) union all ({full} except all {grown})"
            if table == "profile_events":
                differing = differing.replace(
                    "select *", "select * replace (cast(properties as varchar) as properties)"
                )
            assert self.world.read(f"select count(*) from ({differing})") == [(0,)], f"{table} on day {self.day}"

    def news(self, model: str) -> Counter[str]:
        """Of how many people a run said what."""
        return Counter(dict(self.world.read(f"select reason, count(*) from weft_profiles.{model} group by 1")))

    def edit(self, file: str, old: str, new: str) -> None:
        """Changes the project."""
        path = self.world.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def growing(world: World) -> Iterator[Growing]:
    growing = Growing(world)
    growing.load()
    growing.world.build(growing.moment.isoformat(), "seed")
    growing.run()
    yield growing


def test_whatever_happens_the_tables_are_those_of_a_full_build(growing: Growing) -> None:
    growing.history.live(6)
    growing.day += 1
    growing.run()
    growing.check()
    assert growing.news("profile_event_news").keys() == {"new", "changed", "gone"}
    assert growing.news("profile_trait_news").keys() >= {"new", "gone", "events"}
    assert growing.news("profile_trait_news")["events"] < 60  # of some, not of all


def test_traits_expire_by_the_clock_and_come_back_with_an_earlier_moment(growing: Growing) -> None:
    growing.day += 40
    growing.run()
    growing.check()
    [(people,)] = growing.world.read("select count(*) from weft_profiles.profile_traits")
    assert 0 < growing.news("profile_trait_news")["clock"] < people

    growing.day -= 60
    growing.run()
    growing.check()
    assert growing.news("profile_trait_news")["moment"] > 0
    assert growing.news("profile_event_news")["changed"] > 0  # what has not happened yet is not there


def test_an_edited_trait_and_a_new_rate_leave_no_old_value(growing: Growing) -> None:
    growing.edit("macros/profiles/profile_trait_set.sql", "within_days=365", "within_days=200")
    growing.edit("seeds/exchange_rates.csv", "GBP,1.17", "GBP,1.25")
    growing.world.build(growing.moment.isoformat(), "seed")
    growing.run()
    assert growing.news("profile_trait_news").keys() == {"definition"}
    growing.check()


def test_what_a_killed_run_left_is_found_even_when_the_sources_went_back(growing: Growing) -> None:
    growing.day += 60
    growing.run()
    before = deepcopy(growing.history)

    # A run dies after the events, and the sources then say what they said before.
    growing.history.live(3)
    growing.run("profile_event_news", "profile_events")
    growing.history = before
    growing.run()
    growing.check()

    # Models are built alone, with news that are of another day or of none.
    growing.history.live(3)
    growing.run("profile_event_news", "profile_events", "profile_trait_values")
    growing.history.live(1)
    growing.run("profile_event_news", "profile_timelines", "profile_trait_news", "profile_trait_values")
    growing.run("profile_events")
    growing.day += 1
    growing.run()
    growing.check()


def test_only_who_is_news_is_written(growing: Growing) -> None:
    growing.world.write("update weft_profiles.profile_events set source = 'untouched'")  # its hash stays
    growing.world.write("update weft_profiles.profile_trait_values set last_order_channel = 'untouched'")
    [(profile_id, event_id)] = growing.world.read(
        "select min_by(profile_id, event_id), min(event_id) from weft_profiles.profile_events"
    )
    growing.history.events[event_id]["properties"]["score"] = "another"
    growing.run()

    written = "select distinct profile_id from weft_profiles"
    assert growing.world.read(f"{written}.profile_events where source <> 'untouched'") == [(profile_id,)]
    assert (
        growing.world.read(
            f"{written}.profile_timelines where changed_at = (select max(changed_at) from weft_profiles.profile_timelines)"
        )
        != []
    )
    assert growing.world.read(
        f"{written}.profile_trait_values where last_order_channel is distinct from 'untouched'"
    ) == [(profile_id,)]
