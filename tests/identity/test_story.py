"""Three days of a small shop: who is whom, what changes, and what stays for good."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from .conftest import IdentityProject, Mention, new_project
from .oracle import Identifier

NOON = datetime(2026, 1, 1, 12)
People = dict[Identifier, str]
LOG = (
    "select profile_id_from, profile_id_into, kind, cast(cast(changed_at as date) as varchar) "
    "from weft_identity.identity_changes"
)


def record(name: str, *identifiers: Identifier, at: datetime = NOON) -> list[Mention]:
    return [("shop", name, kind, value, at) for kind, value in identifiers]


DAY_1 = [
    *record("three devices, 1", ("user_id", "ada"), ("anonymous_id", "handset")),
    *record("three devices, 2", ("user_id", "ada"), ("anonymous_id", "laptop")),
    *record("three devices, 3", ("user_id", "ada"), ("anonymous_id", "work"), ("email", "ada@x.example")),
    *record("tablet, 1", ("user_id", "ben"), ("anonymous_id", "tablet"), ("email", "ben@x.example")),
    *record("tablet, 2", ("user_id", "cleo"), ("anonymous_id", "tablet")),
    *(row for one in range(1001) for row in record(f"till, {one}", ("till", "7"), ("receipt", f"r{one}"))),
    *record("test address, 1", ("user_id", "dan"), ("email", "test@test.com")),
    *record("test address, 2", ("user_id", "eve"), ("email", "Test@Test.com")),
    *record("no value, 1", ("user_id", "dan"), ("phone", "null")),
    *record("no value, 2", ("user_id", "eve"), ("phone", "NULL")),
    *record("no value, 3", ("user_id", "eve"), ("phone", " ")),
    *record("older", ("user_id", "fay")),
    *record("younger", ("email", "fay@x.example"), at=NOON + timedelta(hours=1)),
    *record("one user so far", ("user_id", "gus"), ("anonymous_id", "later shared")),
]
DAY_2 = [
    *DAY_1,
    *record("link", ("user_id", "fay"), ("email", "fay@x.example")),
    *record("another user", ("user_id", "hal"), ("anonymous_id", "later shared")),
]
DAY_3 = DAY_1


@dataclass
class Story:
    """What the map said after each day, and the project as the last day left it."""

    project: IdentityProject
    days: list[People]


def live(project: IdentityProject, number: int, dies_half_way: bool = False) -> People:
    """Lives through one day: what staging says, a build, and in between perhaps a run that dies."""
    project.write(
        (DAY_1, DAY_2, DAY_3)[number - 1],
        events=[("email", "only@event.example", NOON)],
        traits=[("phone", "+491711234500", NOON)],
        consents=[("email", "only@consent.example", NOON)],
        erasures=[("email", "only@erasure.example", NOON)],
    )
    moment = {"WEFT_AS_OF": f"2026-01-0{number}T23:00:00Z"}
    if dies_half_way:
        # It has logged the changes and not made them yet; one of them is taken back before the next run.
        link = "('shop', 'mistake', 'user_id', '{}', timestamp '2026-01-01 12:00:00')"
        mistake = f"insert into raw.identifiers values {link.format('ada')}, {link.format('ben')}"
        project.execute(mistake)
        project.dbt("run", "--select", "+identity_changes", environment=moment)
        assert len(project.execute(LOG)) == 3
        project.execute("delete from raw.identifiers where record_id = 'mistake'")
    project.dbt("build", environment=moment)
    return project.people()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    project = new_project(tmp_path_factory.mktemp("story"))
    return Story(project, [live(project, number, dies_half_way=number == 2) for number in (1, 2, 3)])


def test_a_person_with_three_devices_is_one_person(story: Story) -> None:
    people = story.days[0]
    devices = [("anonymous_id", each) for each in ("handset", "laptop", "work")]
    assert len({people[each] for each in [*devices, ("user_id", "ada"), ("email", "ada@x.example")]}) == 1


def test_a_family_tablet_links_nobody_but_keeps_its_evidence(story: Story) -> None:
    people = story.days[0]
    assert len({people[each] for each in [("user_id", "ben"), ("user_id", "cleo"), ("anonymous_id", "tablet")]}) == 3
    assert people["user_id", "ben"] == people["email", "ben@x.example"]
    reasons = story.project.execute(
        "select distinct inactive_reason from weft_identity.identity_edges as edges "
        "inner join weft_identity.identity_nodes as nodes on nodes.node_seq in (edges.a, edges.b) "
        "where nodes.identifier_value = 'tablet'"
    )
    assert reasons == [("shared anonymous_id: more than 1 user_id",)]


def test_an_identifier_with_a_thousand_neighbours_links_nobody(story: Story) -> None:
    receipts = [profile for (kind, _), profile in story.days[0].items() if kind in ("receipt", "till")]
    assert len(set(receipts)) == 1002


def test_blocked_and_missing_values_link_nobody_and_are_nobody(story: Story) -> None:
    people = story.days[0]
    assert people["user_id", "dan"] != people["user_id", "eve"]
    assert not {value.lower().strip() for _, value in people} & {"test@test.com", "null", ""}


def test_every_contract_makes_an_identifier_known(story: Story) -> None:
    expected = {("email", f"only@{each}.example") for each in ("event", "consent", "erasure")}
    assert expected | {("phone", "+491711234500")} <= story.days[2].keys()


def test_the_older_person_survives_a_merge_and_a_withdrawn_link_gives_both_ids_back(story: Story) -> None:
    fay, mail = ("user_id", "fay"), ("email", "fay@x.example")
    first, second, third = story.days
    assert first[fay] != first[mail]
    assert second[fay] == second[mail] == first[fay]
    assert third == first


def test_merges_and_splits_are_logged_once_each_with_the_moment_of_the_run(story: Story) -> None:
    first = story.days[0]
    fay, mail = first["user_id", "fay"], first["email", "fay@x.example"]
    gus, device = first["user_id", "gus"], profile_after_split(story)
    assert sorted(story.project.execute(LOG)) == sorted(
        [
            (mail, fay, "merge", "2026-01-02"),
            (fay, mail, "split", "2026-01-03"),
            (gus, device, "split", "2026-01-02"),
            (device, gus, "merge", "2026-01-03"),
        ]
    )


def profile_after_split(story: Story) -> str:
    """The device is older than its user by name, so the user is split off when a second user appears."""
    return story.days[1]["user_id", "gus"]


def test_a_run_without_news_changes_nothing(story: Story) -> None:
    before = story.project.execute(LOG)
    story.project.dbt("run")
    assert story.project.people() == story.days[2]
    assert story.project.execute("select count(*) from weft_identity.identity_moves") == [(0,)]
    assert story.project.execute(LOG) == before


def test_work_tables_are_gone(story: Story) -> None:
    assert not {table for table in story.project.tables() if "__" in table}


# The emulator runs in this process and uses a call that DuckDB advises against.
@pytest.mark.filterwarnings("ignore:Arrow output")
def test_snowflake_says_the_same_every_day(story: Story, snowflake: dict[str, str], tmp_path: Path) -> None:
    project = new_project(tmp_path, snowflake)
    assert [live(project, number) for number in (1, 2, 3)] == story.days
    assert sorted(project.execute(LOG)) == sorted(story.project.execute(LOG))
    assert not {table for table in project.tables() if "__" in table}
