"""What no source should send, and one day will: each is refused, counted and told, and never makes two people one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from .conftest import IdentityProject, new_project

NOON = datetime(2026, 1, 1, 12)
#: On the emulator, which is slow, only as many as a shared number needs.
MANY = {"duckdb": 20_000, "snowflake": 1_500}
LONG = "a" * 10_000

#: What two accounts have in common, and why it links them not.
DAMAGED = {
    "x" * 513: "malformed: more than 512 characters",
    LONG: "malformed: more than 512 characters",
    "M\ufffdller": "malformed: characters lost in decoding",
    "a\x01b": "malformed: control characters",
    "a\nb": "malformed: control characters",
    "a\x7f": "malformed: control characters",
    "a\x85b": "malformed: control characters",
    "1.234567890123457e+18": "malformed: a number that lost digits",
    "9007199254740993.0": "malformed: a number that lost digits",
    "Anonymous": "placeholder",
    "9774D56D682E549C": "an id that a whole series of Android phones had",
}
MISSING = ("", "  ", "null", "NULL", "None", "undefined", "NaN", "n/a")

#: Odd, but somebody's: they link, each its own two accounts and nobody else's.
ODD = (
    "👩‍👧",
    "o'neil",
    'say "hi"',
    "100%",
    "a_c",
    "abc_",
    "\\",
    "--; drop table x",
    "Ünï-cödé",
    "x" * 512,
    "a b",
    "{a}",
)


def pair(number: int, kind: str, value: str | None) -> list[Any]:
    """Two accounts that give the same value."""
    return [
        row
        for side in ("a", "b")
        for row in (
            ("shop", f"record-{number}-{side}", "user_id", f"user-{number}-{side}", NOON),
            ("shop", f"record-{number}-{side}", kind, value, NOON),
        )
    ]


def bad_days(many: int) -> list[Any]:
    values: list[tuple[str, str | None]] = [("loyalty_id", each) for each in (*DAMAGED, *MISSING, *ODD)]
    values += [("loyalty_id", None), ("emial", "ada@example.com")]
    rows: list[Any] = [row for number, (kind, value) in enumerate(values) for row in pair(number, kind, value)]
    rows.append(("shop", "no type", None, "lost", NOON))
    for number in range(many):
        moment = NOON + timedelta(seconds=number)
        rows.append(("till", f"receipt-{number}", "user_id", f"buyer-{number}", moment))
        rows.append(("till", f"receipt-{number}", "phone", "+4930901820", moment))
    return rows


@dataclass
class Built:
    """What dbt said, and where the results are."""

    project: IdentityProject
    told: str
    many: int

    def apart(self, number: int) -> bool:
        """Whether the two accounts of a pair are two people."""
        people = self.project.people()
        return people["user_id", f"user-{number}-a"] != people["user_id", f"user-{number}-b"]


RULES = {
    "user_id": {"priority": 10},
    "phone": {"priority": 40, "degree_limit": 1000},
    "fax": {"priority": 50},
    "loyalty_id": {"priority": 20, "shared_above": {"telex": 1}},
    "default": {"priority": 50},
}


@pytest.fixture(scope="module", params=["duckdb", "snowflake"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    snowflake = request.getfixturevalue("snowflake") if request.param == "snowflake" else None
    project = new_project(tmp_path_factory.mktemp("bad"), snowflake)
    incomplete: dict[str, list[Any]] = {
        "events": [("user_id", None, NOON), ("email", "Not@Lower.Example", NOON)],
        "traits": [(None, None, NOON)],
    }
    project.write(bad_days(MANY[request.param]), **incomplete)
    done = project.dbt("build", variables={"identity_rules": RULES})
    return Built(project, " ".join(done.stdout.split()), MANY[request.param])


def test_a_damaged_value_links_nobody_and_says_why(built: Built) -> None:
    found = built.project.execute(
        "select identifier_value, blocked_because from weft_identity.identity_blocked "
        "where identifier_type = 'loyalty_id'"
    )
    assert {value: because for value, because in found if because != "no value"} == DAMAGED
    people = built.project.people()
    assert not [value for value in DAMAGED if ("loyalty_id", value) in people]
    assert all(built.apart(number) for number in range(len(DAMAGED)))


def test_a_missing_value_links_nobody_and_is_counted(built: Built) -> None:
    first = len(DAMAGED)
    assert all(built.apart(number) for number in range(first, first + len(MISSING)))
    assert built.apart(first + len(MISSING) + len(ODD))  # null
    rows = 2 * len(MISSING) + 2
    assert f"{rows} rows of identifiers (loyalty_id) name no identifier: nobody gets them." in built.told
    assert "1 rows of identifiers (no type) name no identifier" in built.told
    assert "1 rows of events (user_id) name no identifier" in built.told
    assert "1 rows of traits (no type) name no identifier" in built.told


def test_an_odd_value_is_an_identifier_like_any_other(built: Built) -> None:
    people = built.project.people()
    first = len(DAMAGED) + len(MISSING)
    for number, value in enumerate(ODD, first):
        profile = people["loyalty_id", value]
        assert profile == people["user_id", f"user-{number}-a"] == people["user_id", f"user-{number}-b"], value
    assert len({people["loyalty_id", value] for value in ODD}) == len(ODD)


def test_a_misspelt_type_follows_the_default_and_is_told(built: Built) -> None:
    number = len(DAMAGED) + len(MISSING) + len(ODD) + 1
    assert not built.apart(number)
    assert (
        "1 identifiers are of the type emial, which dbt_project.yml, vars: identity_rules does not name" in built.told
    )


def test_a_rule_for_a_type_that_nothing_has_is_told(built: Built) -> None:
    for kind in ("fax", "telex"):
        assert f"identity_rules names the type {kind}, of which there are no identifiers" in built.told


def test_a_pack_that_does_not_normalise_is_told_without_the_value(built: Built) -> None:
    assert "1 of the identifiers seen last are of the type loyalty_id and not in the form" not in built.told
    assert "drop table" not in built.told
    assert "Not@Lower" not in built.told


def test_one_phone_number_of_everybody_links_nobody(built: Built) -> None:
    people = built.project.people()
    assert len({people["user_id", f"buyer-{number}"] for number in range(built.many)}) == built.many
    edges = built.project.execute(
        "select count(*), min(inactive_reason), max(inactive_reason) from weft_identity.identity_edges "
        "where not is_active and source = 'till'"
    )
    # One edge each and not one for every two of them: the shared number costs what its records cost.
    assert edges == [(built.many, *["shared phone: more than 1000 any"] * 2)]


def test_a_second_run_changes_nothing(built: Built) -> None:
    before = built.project.people()
    built.project.dbt("build", "--exclude-resource-type", "test", variables={"identity_rules": RULES})
    assert built.project.people() == before


def test_an_unnormalised_email_is_told(tmp_path: Path) -> None:
    project = new_project(tmp_path)
    project.write([], events=[("email", "Not@Lower.Example", NOON), ("email", "lower@example.com", NOON)])
    told = " ".join(project.dbt("build").stdout.split())
    assert (
        "1 of the identifiers seen last are of the type email and not in the form that its normaliser (email) gives"
        in told
    )
    assert "Lower.Example" not in told


INCLUDE, EXCLUDE = "include", "exclude"


def test_a_cycle_of_include_and_exclude_is_decided_by_the_latest_and_told(tmp_path: Path) -> None:
    project = new_project(tmp_path)
    accounts = [("shop", each, "user_id", each, NOON) for each in "abcxyz"]
    project.write(accounts)
    project.dbt("build", "--exclude-resource-type", "test")
    decisions = [
        # a and c are apart, says the latest: of the chain that the first two put together, the older link goes.
        *((INCLUDE, "a", "b", 1), (INCLUDE, "b", "c", 2), (EXCLUDE, "a", "c", 3)),
        # x and z were apart; who put the chain together afterwards knew of that, and has the last word.
        *((EXCLUDE, "x", "z", 1), (INCLUDE, "x", "y", 2), (INCLUDE, "y", "z", 3)),
    ]
    rows = ", ".join(
        f"('{number}', '{kind}', 'user_id', '{a}', 'user_id', '{b}', 'test', 'me', timestamp '2026-01-0{day} 12:00:00')"
        for number, (kind, a, b, day) in enumerate(decisions)
    )
    project.execute(
        "insert into weft_identity.identity_overrides "
        "(override_id, kind, type_a, value_a, type_b, value_b, because, decided_by, decided_at) values " + rows
    )
    project.dbt("build", "--exclude-resource-type", "test")
    people = project.people()
    a, b, c, x, y, z = (people["user_id", each] for each in "abcxyz")
    assert a != c
    assert b == c
    assert x == y == z
    refused = project.execute("select rule, limit_type from weft_identity.identity_refusals order by rule")
    assert ("include", "excluded") in refused
