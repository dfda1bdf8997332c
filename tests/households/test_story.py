"""Four days in a small town: who lives with whom, who works where, and what stays the same whatever happens."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.identity.conftest import Mention

from .conftest import Attributes, HouseholdProject, Identifier, new_household_project

NOON = datetime(2026, 1, 1, 12)


def user(name: str) -> Identifier:
    return "user_id", name


def record(name: str, *identifiers: Identifier, minutes: int = 0) -> list[Mention]:
    at = NOON + timedelta(minutes=minutes)
    return [("shop", name, kind, value, at) for kind, value in identifiers]


def home(last_name: str, postal_code: str) -> dict[str, str]:
    return {"last_name": last_name, "postal_code": postal_code, "city": "Bonn", "country": "DE"}


#: ada and ben share a tablet, cleo and dan an address that two accounts gave; gus and hal an address of stone.
RECORDS = [
    *record("tablet 1", user("ada"), ("anonymous_id", "tablet")),
    *record("tablet 2", user("ben"), ("anonymous_id", "tablet"), minutes=1),
    *record("couple 1", user("cleo"), ("email", "both@gmail.com"), minutes=2),
    *record("couple 2", user("dan"), ("email", "both@gmail.com"), minutes=3),
    *record("couple's phone", user("dan"), ("phone", "+491711234500"), minutes=3),
    *record("alone", user("eve"), ("email", "eve@gmail.com"), minutes=4),
    *record("same name 1", user("gus"), ("email", "gus@acme.com"), minutes=5),
    *record("same name 2", user("hal"), ("email", "hal@acme.com"), minutes=6),
    *record("other town", user("ida"), ("email", "ida@initech.com"), minutes=7),
    *(row for one in range(7) for row in record(f"till {one}", user(f"buyer {one}"), ("anonymous_id", "till"))),
    *(row for one in range(9) for row in record(f"tower {one}", user(f"tenant {one}"), minutes=10)),
    *(row for one in range(5) for row in record(f"isp {one}", user(f"surfer {one}"), ("email", f"{one}@isp.net"))),
]
ATTRIBUTES: Attributes = {
    user("gus"): home("van Dyck", "AB 12") | {"company_name": "Acme GmbH"},
    user("hal"): home("VAN DŸCK", "ab12"),
    user("ida"): home("van Dyck", "99999") | {"company_name": "Initech"},
    user("eve"): {"last_name": "Stone", "company_name": "ACME  gmbh"},
    user("surfer 0"): {"company_name": "Surfing"},
    **{user(f"tenant {one}"): home("Smith", "10000") for one in range(9)},
}
#: ben moves in with cleo and dan; with ada, who shares his tablet, the four are one household.
MOVED_IN = {**ATTRIBUTES, user("ben"): home("Ray", "1"), user("cleo"): home("Ray", "1")}
#: One record says that hal and ida are one person.
MERGED = [*RECORDS, *record("merger", user("hal"), user("ida"), minutes=20)]


@dataclass
class Day:
    """What the maps said after one day."""

    people: dict[Identifier, str]
    households: dict[Identifier, str]
    accounts: dict[Identifier, str]


@dataclass
class Story:
    """What each day said, and the project as the last day left it."""

    project: HouseholdProject
    days: list[Day]


def live(project: HouseholdProject) -> list[Day]:
    """Lives through all days with one build each."""
    days = []
    for mentions, attributes, forgotten in (
        (RECORDS, ATTRIBUTES, []),
        (RECORDS, MOVED_IN, []),
        (RECORDS, ATTRIBUTES, []),
        (MERGED, ATTRIBUTES, [user("gus"), user("ada")]),
    ):
        project.write(mentions, attributes, forgotten)
        project.build("--exclude-resource-type", "test")
        days.append(Day(project.identity.people(), project.households(), project.accounts()))
    return days


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    project = new_household_project(tmp_path_factory.mktemp("story"))
    return Story(project, live(project))


def together(households: dict[Identifier, str], *names: str) -> bool:
    """Whether these users are the users of one household, and it has no others."""
    (first, *_) = names
    return {
        value for (kind, value), each in households.items() if kind == "user_id" and each == households[user(first)]
    } == {*names}


def test_a_family_tablet_makes_a_household_and_not_one_person(story: Story) -> None:
    day = story.days[0]
    assert day.people[user("ada")] != day.people[user("ben")]
    assert together(day.households, "ada", "ben")


def test_a_tablets_own_profile_lives_with_nobody(story: Story) -> None:
    households = story.days[0].households
    assert list(households.values()).count(households["anonymous_id", "tablet"]) == 1


def test_a_couples_address_makes_a_household(story: Story) -> None:
    assert together(story.days[0].households, "cleo", "dan")


def test_a_surname_at_an_address_makes_a_household_however_it_is_written(story: Story) -> None:
    assert together(story.days[0].households, "gus", "hal")


def test_half_an_address_ties_nobody(story: Story) -> None:
    assert together(story.days[0].households, "eve")


def test_a_till_and_a_tower_tie_nobody_and_say_why(story: Story) -> None:
    for name in ("buyer", "tenant"):
        assert together(story.days[0].households, f"{name} 0")
    reasons = story.project.identity.execute(
        "select rule, inactive_reason, count(*) from weft_households.household_links where not is_active "
        "group by rule, inactive_reason order by rule"
    )
    assert reasons == [("address", "more than 8 people", 9), ("device", "more than 6 people", 7)]


def test_the_older_household_survives_a_merge_and_a_split_gives_both_back(story: Story) -> None:
    first, second, third, _ = story.days
    assert together(second.households, "ada", "ben", "cleo", "dan")
    assert second.households[user("dan")] == first.households[user("ada")]
    assert third.households == first.households


def test_a_household_id_is_made_of_its_oldest_persons_oldest_identifier(story: Story) -> None:
    registry = story.project.identity.execute(
        "select node_seq from weft_identity.identity_nodes where identifier_value in ('ada', 'tablet') order by 1"
    )
    made = {hashlib.md5(f"weft:household:{number}".encode()).hexdigest() for (number,) in registry}
    assert story.days[0].households[user("ada")] in made


def test_a_person_who_is_merged_away_leaves_no_household_behind(story: Story) -> None:
    last = story.days[3]
    assert last.people[user("hal")] == last.people[user("ida")]
    published = story.project.identity.execute("select household_id, count_people from weft_households.households")
    assert dict(published) == {
        household: len({last.people[each] for each, its in last.households.items() if its == household})
        for household in last.households.values()
    }


def test_an_erased_person_is_in_no_household_and_ties_nobody(story: Story) -> None:
    last = story.days[3]
    assert user("ada") not in last.households
    assert user("gus") not in last.accounts
    assert together(last.households, "ben")
    told = story.project.identity.execute(
        f"select count(*) from weft_households.household_links where profile_id = '{last.people[user('ada')]}'"
    )
    assert told == [(0,)]


def test_a_company_is_told_by_its_name_and_its_domain(story: Story) -> None:
    accounts = story.days[0].accounts
    assert accounts[user("gus")] == accounts[user("hal")] == accounts[user("eve")] != accounts[user("ida")]
    assert user("dan") not in accounts


def test_a_small_mail_providers_domain_is_no_company(story: Story) -> None:
    accounts = story.days[0].accounts
    assert [name for name in range(5) if user(f"surfer {name}") in accounts] == [0]


def test_an_account_keeps_its_id_when_its_oldest_person_leaves(story: Story) -> None:
    assert story.days[3].accounts[user("eve")] == story.days[0].accounts[user("gus")]


def test_a_second_run_and_a_full_refresh_change_no_id(story: Story) -> None:
    for arguments in (("--exclude-resource-type", "test"), ("--full-refresh",)):
        story.project.build(*arguments)
        assert story.project.households() == story.days[3].households
        assert story.project.accounts() == story.days[3].accounts


def test_work_tables_are_gone(story: Story) -> None:
    tables = story.project.identity.execute(
        "select table_name from information_schema.tables where lower(table_schema) = 'weft_households'"
    )
    assert tables
    assert not [name for (name,) in tables if "__" in name]


# The emulator runs in this process and uses a call that DuckDB advises against.
@pytest.mark.filterwarnings("ignore:Arrow output")
def test_snowflake_says_the_same_every_day(story: Story, snowflake: dict[str, str], tmp_path: Path) -> None:
    assert live(new_household_project(tmp_path, snowflake)) == story.days
