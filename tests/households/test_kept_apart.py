"""What identity's own rules decide about two people is what says whether they live together."""

from __future__ import annotations

from datetime import datetime

from tests.identity.conftest import Mention

from .conftest import HouseholdProject, Identifier

NOON = datetime(2026, 1, 1, 12)
RULES = {
    "identity_rules": {
        "user_id": {"priority": 10, "limit": 1},
        "anonymous_id": {"priority": 90, "shared_above": {"user_id": 1}},
        "default": {"priority": 50},
    }
}


def record(name: str, *identifiers: Identifier) -> list[Mention]:
    return [("shop", name, kind, value, NOON) for kind, value in identifiers]


def test_two_people_whom_a_limit_keeps_apart_live_together(project: HouseholdProject) -> None:
    ada, ben, cleo = ("user_id", "ada"), ("user_id", "ben"), ("user_id", "cleo")
    address = ("email", "both@gmail.com")
    project.write([*record("1", ada, address), *record("2", ben, address), *record("3", cleo)], {})
    project.build(variables=RULES)
    people, households = project.identity.people(), project.households()
    assert people[ada] != people[ben]
    assert households[ada] == households[ben] == households[address] != households[cleo]
    assert project.identity.execute("select distinct rule from weft_households.household_links") == [("kept_apart",)]


def test_a_device_that_is_shared_no_more_ties_nobody(project: HouseholdProject) -> None:
    ada, ben, device = ("user_id", "ada"), ("user_id", "ben"), ("anonymous_id", "tablet")
    project.write([*record("1", ada, device), *record("2", ben, device)], {})
    project.build("--exclude-resource-type", "test", variables=RULES)
    together = project.households()
    assert together[ada] == together[ben] != together[device]

    project.write([*record("1", ada, device), *record("2", ben)], {})
    project.build("--exclude-resource-type", "test", variables=RULES)
    apart = project.households()
    assert apart[ada] == apart[device] != apart[ben]
    # The tablet was seen first: what was its own household before is hers now.
    assert apart[ada] == together[device]
    assert project.identity.execute("select count(*) from weft_households.household_links") == [(0,)]
