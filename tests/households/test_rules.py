"""Rules that mean nothing stop the run with the place and the mend, and a project without data has no households."""

from __future__ import annotations

import pytest

from .conftest import HouseholdProject

GOOD = {"same": ["last_name", "postal_code"], "max_people": 8}


@pytest.mark.parametrize(
    ("variable", "rules", "message"),
    [
        ("household_rules", {}, "it needs a mapping of names to rules"),
        ("household_rules", {"a home": GOOD}, "the name a home takes small letters"),
        ("household_rules", {"home": {"max_people": 8}}, "home needs one of same, shared, kept_apart"),
        ("household_rules", {"home": {**GOOD, "shared": "email"}}, "home needs one of same, shared, kept_apart"),
        ("household_rules", {"home": {**GOOD, "min_share": 5}}, "home takes only same, max_people"),
        ("household_rules", {"home": {"same": ["shoe_size"], "max_people": 8}}, "home needs same: a list out of email"),
        ("household_rules", {"home": {"same": "last_name", "max_people": 8}}, "home needs same: a list out of email"),
        ("household_rules", {"home": {"same": ["last_name"]}}, "home needs max_people, a whole number"),
        (
            "household_rules",
            {"home": {"shared": "an e-mail", "max_people": 8}},
            "home needs shared: an identifier type",
        ),
        ("household_rules", {"home": {"kept_apart": False, "max_people": 8}}, "home needs kept_apart: true"),
        ("account_rules", {"firm": {**GOOD, "max_others": 0}}, "firm needs max_others, a whole number"),
        ("account_rules", {"firm": {"shared": "email", "max_people": 8}}, "firm needs one of same, domain_of"),
    ],
)
def test_a_rule_that_means_nothing_stops_the_run(
    project: HouseholdProject, variable: str, rules: object, message: str
) -> None:
    done = project.identity.dbt("parse", "--no-partial-parse", variables={variable: rules}, fails=True)
    said = " ".join(done.stdout.split())
    assert f"vars: {variable}: " in said
    assert message in said
    assert "A rule reads: " in said


def test_a_project_without_data_has_no_households_and_no_accounts(project: HouseholdProject) -> None:
    project.write([], {})
    project.build()
    assert project.households() == {}
    assert project.accounts() == {}
