"""Rules that mean nothing are refused, all at once, with their places and the mend, before anything is built."""

from __future__ import annotations

from warehouse.manifest import Manifest
from weft.profile import normalised

from .conftest import IdentityProject


def test_wrong_rules_are_refused_together(project: IdentityProject) -> None:
    rules = {
        "email": {"degree_limit": 5},
        "phone": {"priority": 30, "limits": 5},
        "user_id": {"priority": 10, "shared_above": {"email": "one"}},
        "loyalty_id": {"priority": 20, "limit": 0, "normaliser": "emial"},
        "anonymous_id": {"priority": 90, "limit": "two", "shared_above": ["user_id"]},
        "till": 7,
    }
    told = " ".join(project.dbt("parse", variables={"identity_rules": rules}, fails=True).stdout.split())
    assert "dbt_project.yml, vars: identity_rules" in told
    assert "needs a mapping of identifier types with one named default" in told
    assert "email needs a priority" in told
    assert "phone takes only normaliser, priority, limit, degree_limit, shared_above" in told
    assert "user_id has a limit that is no whole number: email one" in told
    assert "loyalty_id has the normaliser emial; there are text, user_id, email," in told
    assert "loyalty_id has a limit per person that is no whole number above 0: 0" in told
    assert "anonymous_id has a limit per person that is no whole number above 0: two" in told
    assert "anonymous_id needs a mapping of types to whole numbers under shared_above" in told
    assert "till needs a priority" in told
    assert "A rule reads: {normaliser: email, priority: 30" in told


def test_a_type_without_a_normaliser_takes_the_one_of_its_name(project: IdentityProject) -> None:
    rules = {
        "email": {"priority": 30, "normaliser": "email_gmail"},
        "phone": {"priority": 40, "limit": 5},
        "till": {"priority": 90},
        "default": {"priority": 50, "normaliser": "device_id"},
    }
    project.dbt("run", "--select", "identity_rules", variables={"identity_rules": rules})
    found = project.execute(
        "select identifier_type, normaliser, max_per_person from weft_identity.identity_rules order by priority"
    )
    assert found == [
        ("email", "email_gmail", None),
        ("phone", "phone", 5),
        ("default", "device_id", None),
        ("till", "device_id", None),
    ]


def test_the_command_line_brings_an_identifier_into_the_form_of_its_rule(project: IdentityProject) -> None:
    rules = {
        "user_id": {"priority": 10},
        "email": {"priority": 30, "normaliser": "email_gmail"},
        "cookie": {"priority": 90, "normaliser": "device_id"},
        "default": {"priority": 50},
    }
    project.dbt("parse", variables={"identity_rules": rules})
    node = Manifest.load(project.folder / "target" / "manifest.json").model("identity_rules")
    assert node is not None
    known = node.meta["normalisers"]
    assert normalised("user_id: 1042.0 ", None, known) == ("user_id", "1042")
    assert normalised("email:An.na+shop@Gmail.com", None, known) == ("email", "anna@gmail.com")
    assert normalised("cookie:{CDDA802EFB9C47AD98660794D394C912}", None, known)[1].startswith("cdda802e-fb9c-")
    assert normalised("phone:0170 1234567", "de", known) == ("phone", "+491701234567")
    assert normalised("card:A b ", None, known) == ("card", "A b")


def test_staging_is_not_divided_into_any_number_of_parts(project: IdentityProject) -> None:
    for wrong in (0, -1, 2**31, 0.5, "many"):
        told = " ".join(project.dbt("parse", variables={"identity_parts": wrong}, fails=True).stdout.split())
        assert f"the var identity_parts is {wrong}. It is a whole number from 1 to 2147483647." in told
