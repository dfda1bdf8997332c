"""A run writes who is news and nobody else, and what is there is then what a full build would make."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import pytest

from tests.profiles.growing import START, Growing
from tests.profiles.history import History

if TYPE_CHECKING:
    from tests.profiles.conftest import World


@pytest.fixture(scope="module")
def growing(world: World) -> Growing:
    """Sixty people on their first day; each test goes on where the one before it ended."""
    return Growing(world, History(seed=7, people=60, start=START))


def test_whatever_happens_the_tables_are_those_of_a_full_build(growing: Growing) -> None:
    growing.history.live(6)
    growing.wait(1)
    growing.run()
    growing.check()
    assert growing.news("profile_event_news").keys() == {"new", "changed", "gone"}
    assert growing.news("profile_trait_news").keys() >= {"new", "gone", "events"}
    assert growing.news("profile_trait_news")["events"] < 60  # of some, not of all


def test_traits_expire_by_the_clock_and_come_back_with_an_earlier_moment(growing: Growing) -> None:
    growing.wait(40)
    growing.run()
    growing.check()
    [(people,)] = growing.world.read("select count(*) from weft_profiles.profile_traits")
    assert 0 < growing.news("profile_trait_news")["clock"] < people

    growing.wait(-60)
    growing.run()
    growing.check()
    assert growing.news("profile_trait_news")["moment"] > 0
    assert growing.news("profile_event_news")["changed"] > 0  # what has not happened yet is not there


def test_an_edited_trait_and_a_new_rate_leave_no_old_value(growing: Growing) -> None:
    growing.edit("macros/profiles/profile_trait_set.sql", "within_days=365", "within_days=200")
    growing.run()
    assert growing.news("profile_trait_news").keys() == {"definition"}
    assert not growing.news("profile_event_news")

    growing.edit("seeds/exchange_rates.csv", "GBP,1.17", "GBP,1.25")
    growing.run("exchange_rates", "profile_trait_news", "profile_trait_values", "profile_traits")
    assert growing.news("profile_trait_news").keys() == {"definition"}
    growing.check()


def test_what_a_killed_run_left_is_found_even_when_the_sources_went_back(growing: Growing) -> None:
    before = deepcopy(growing.history)
    growing.history.live(3)
    growing.run("profile_event_news", "profile_events", "profile_trait_values")  # and no further
    growing.history = before
    growing.run("profile_event_news", "profile_timelines", "profile_trait_news", "profile_trait_values")
    growing.run()
    growing.check()


def test_only_who_is_news_is_written(growing: Growing) -> None:
    marked = {
        "profile_events": ("source", "'marked'"),
        "profile_timelines": ("changed_at", "timestamp '2000-01-01'"),
        "profile_trait_values": ("computed_at", "timestamp '2000-01-01'"),
    }
    for table, (column, mark) in marked.items():  # none of them is compared with anything
        growing.world.write(f"update weft_profiles.{table} set {column} = {mark}")
    [(event_id, profile_id)] = growing.world.read(
        "select event_id, profile_id from weft_profiles.profile_events order by event_id limit 1"
    )
    growing.history.events[event_id]["properties"]["score"] = "another"  # received when it was
    growing.run()

    assert growing.world.read("select * from weft_profiles.profile_trait_news") != []
    for table, (column, mark) in marked.items():
        written = f"select distinct profile_id from weft_profiles.{table} where {column} <> {mark}"
        assert growing.world.read(written) == [(profile_id,)], table
