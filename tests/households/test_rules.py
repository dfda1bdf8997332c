"""Rules that mean nothing stop the run with the place and the mend, and a project without data has no households."""

from __future__ import annotations

import pytest

from .conftest import HouseholdProject

GOOD = {"same": ["last_name", "postal_code"], "max_people": 8}


HOMES: dict[str, object] = {
    "a home": GOOD,
    "no_kind": {"max_people": 8},
    "two_kinds": {**GOOD, "shared": "email"},
    "unknown": {**GOOD, "min_share": 5},
    "no_list": {"same": "last_name", "max_people": 8},
    "no_limit": {"same": ["last_name"]},
    "no_type": {"shared": "an e-mail", "max_people": 8},
    "not_kept": {"kept_apart": False, "max_people": 8},
}
FIRMS: dict[str, object] = {
    "no_others": {**GOOD, "max_others": 0},
    "no_kind": {"shared": "email", "max_people": 8},
}


@pytest.mark.parametrize(
    ("variable", "rules", "messages"),
    [
        ("household_rules", {}, ["it needs a mapping of names to rules"]),
        (
            "household_rules",
            HOMES,
            [
                "the name a home takes small letters",
                "no_kind needs one of same, shared, kept_apart",
                "two_kinds needs one of same, shared, kept_apart",
                "unknown takes only same, max_people",
                "no_list needs same: a list of columns of profiles",
                "no_limit needs max_people, a whole number",
                "no_type needs shared: an identifier type",
                "not_kept needs kept_apart: true",
            ],
        ),
        (
            "account_rules",
            FIRMS,
            ["no_others needs max_others, a whole number", "no_kind needs one of same, domain_of"],
        ),
    ],
)
def test_all_rules_that_mean_nothing_are_named_in_one_message(
    project: HouseholdProject, variable: str, rules: object, messages: list[str]
) -> None:
    done = project.identity.dbt("parse", "--no-partial-parse", variables={variable: rules}, fails=True)
    said = " ".join(done.stdout.split())
    assert f"vars: {variable}: " in said
    assert [message for message in messages if message not in said] == []
    assert "A rule reads: " in said


def test_a_column_that_profiles_do_not_have_is_named(project: HouseholdProject) -> None:
    project.declare_attributes()
    rules = {"home": GOOD, "no_column": {"same": ["shoe_size"], "max_people": 8}}
    done = project.identity.dbt(
        "compile", "--select", "household_links", variables={"household_rules": rules}, fails=True
    )
    said = " ".join(done.stdout.split())
    assert "vars: household_rules: no_column needs same: a list out of profile_id, last_name" in said
    assert "home needs" not in said


def test_a_project_without_data_has_no_households_and_no_accounts(project: HouseholdProject) -> None:
    project.write([], {})
    project.build()
    assert project.households() == {}
    assert project.accounts() == {}
