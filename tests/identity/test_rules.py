"""Rules that mean nothing are refused, all at once, with their places and the mend, before anything is built."""

from __future__ import annotations

from .conftest import IdentityProject


def test_wrong_rules_are_refused_together(project: IdentityProject) -> None:
    rules = {
        "email": {"degree_limit": 5},
        "phone": {"priority": 30, "limit": 5},
        "user_id": {"priority": 10, "shared_above": {"email": "one"}},
    }
    told = " ".join(project.dbt("parse", variables={"identity_rules": rules}, fails=True).stdout.split())
    assert "dbt_project.yml, vars: identity_rules" in told
    assert "needs a mapping of identifier types with one named default" in told
    assert "email needs a priority" in told
    assert "phone takes only priority, degree_limit, shared_above" in told
    assert "user_id has a limit that is no whole number: email one" in told
    assert "A rule reads: {priority: 90" in told
