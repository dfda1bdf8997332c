"""Survivorship on Snowflake says what it says on DuckDB: three days of a few people, with the models that it takes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands import dbt
from tests.profiles.conftest import ROOT
from warehouse.profile import open_warehouse

MODELS = ("profile_statements", "profile_attributes", "profile_sources", "profiles", "profile_statement_history")
TYPES = {"observed_at": "timestamp", "moment": "timestamp", "first_seen_at": "timestamp", "last_seen_at": "timestamp"}
TYPES |= {"decided_at": "timestamp", "suppressed_at": "timestamp", "requested_at": "timestamp"}
COLUMNS = {
    "identifiers": "source record_id identifier_type identifier_value observed_at",
    "traits": "source identifier_type identifier_value trait value observed_at",
    "identity_map": "identifier_type identifier_value profile_id first_seen_at last_seen_at",
    "identity_aliases": "former_profile_id profile_id",
    "suppressions": "identifier_type identifier_value reason",
    "profile_consents": "profile_id purpose status decided_at",
    "email_complaints": "email suppressed_at",
    "erased_identifiers": "identifier_type identifier_value requested_at",
    "spine": "profile_id moment",
}
PAST = "with spine as (select * from {{ ref('spine') }}), past as ({{ profiles_as_of('spine') }}) select * from past"
READ = {
    "profile_attributes": "profile_id attribute value source observed_at count_statements is_suppressed rule "
    "rank_of_value count_candidates",
    "profile_sources": "profile_id attribute value source rule",
    "profiles": "profile_id email is_email_reachable first_name birth_date city country job_title",
    "profile_statement_history": "source identifier_value attribute value observed_at recorded_at withdrawn_at",
    "past": "profile_id moment email is_email_reachable first_name birth_date city country job_title",
}

Rows = Mapping[str, Sequence[tuple[str | None, ...]]]


def day(number: int) -> Rows:
    """What is known: a city changes, a title goes, an address bounces; two people become one, and one is erased."""
    city = ("Bonn", "2026-01-01") if number == 1 else ("Ulm", "2026-01-02")
    people = ("p1", "p1", "p2", "p3") if number < 3 else ("p1", "p1", "p1", "p3")
    identifiers = (("user_id", "1"), ("email", "a@example.com"), ("email", "b@example.com"), ("user_id", "3"))
    erased: list[tuple[str | None, ...]] = [("user_id", "3", "2026-01-03"), ("profile_id", "p3", "2026-01-03")]
    return {
        "identifiers": [
            ("shopify", f"record:{value}", kind, value, f"2026-01-01 0{hour}:00")
            for hour, (kind, value) in enumerate(identifiers)
        ],
        "traits": [
            ("shopify", "user_id", "1", "city", *city),
            ("klaviyo", "email", "a@example.com", "city", "Rome", "2026-01-01 12:00"),
            ("shopify", "user_id", "1", "first_name", "Ada", None),
            ("klaviyo", "email", "b@example.com", "first_name", "A.", "2026-01-01"),
            ("pos", "email", "b@example.com", "birth_date", "1815-12-10", "2026-01-01"),
            ("shopify", "user_id", "1", "birth_date", "in winter", "2026-01-01"),
            ("pos", "user_id", "3", "country", "DE", "2026-01-01"),
            ("hubspot", "email", "a@example.com", "job_title", "Engineer", "2026-01-01"),
            *([("pos", "user_id", "1", "job_title", "Chief Engineer", "2026-01-01")] if number == 1 else []),
        ],
        "identity_map": [
            (*identifier, person, "2026-01-01", "2026-01-01")
            for identifier, person in zip(identifiers, people, strict=True)
        ],
        "identity_aliases": [("p2", "p1")] if number == 3 else [],
        "suppressions": [("email", "b@example.com", "hard_bounce")] * (number > 1)
        + [(*row[:2], "erasure_request") for row in erased] * (number == 3),
        "profile_consents": [("p1", "email_marketing", "granted", "2026-01-01")],
        "email_complaints": [("b@example.com", "2026-01-01 20:00")] * (number > 1),
        "erased_identifiers": erased * (number == 3),
        "spine": [(who, at) for who in ("p1", "p2", "p3") for at in ("2026-01-01 12:00", "2026-01-02", "2026-01-03")],
    }


def literal(column: str, value: str | None) -> str:
    text = "null" if value is None else f"'{value}'"
    return f"cast({text} as {TYPES.get(column, 'varchar')}) as {column}"


def write(folder: Path, rows: Rows) -> None:
    """Let the models that come before say what is known."""
    for name, listed in COLUMNS.items():
        columns = listed.split()
        selects = ["select " + ", ".join(map(literal, columns, row)) for row in rows[name] or [(None,) * len(columns)]]
        nothing = "" if rows[name] else " where false"
        (folder / "models" / "input" / f"{name}.sql").write_text(" union all\n".join(selects) + nothing)


def build(folder: Path, env: Mapping[str, str], number: int) -> dict[str, list[tuple[Any, ...]]]:
    """Run a day on one warehouse, and return what its tables say."""
    write(folder, day(number))
    environment = {**os.environ, **env, "WEFT_AS_OF": f"2026-01-0{number}T23:00:00"}
    done = dbt("run", "--project-dir", ".", "--profiles-dir", ".", cwd=folder, env=environment)
    assert done.returncode == 0, done.stdout[-6000:]
    with open_warehouse(folder, env=environment) as warehouse:
        return {
            name: sorted(
                (
                    tuple(None if row[column] is None else str(row[column]) for column in columns.split())
                    for row in warehouse.query(f"select {', '.join(columns.split())} from weft_profiles.{name}")
                ),
                key=repr,
            )
            for name, columns in READ.items()
        }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of these models alone."""
    folder = tmp_path_factory.mktemp("survivorship") / "project"
    (folder / "models" / "profiles").mkdir(parents=True)
    (folder / "models" / "input").mkdir()
    shutil.copytree(ROOT / "macros", folder / "macros")
    shutil.copy(ROOT / "models" / "groups.yml", folder / "models")
    for name in MODELS:
        shutil.copy(ROOT / "models" / "profiles" / f"{name}.sql", folder / "models" / "profiles")
        described = yaml.safe_load((ROOT / "models" / "profiles" / f"{name}.yml").read_text())
        described.pop("unit_tests", None)
        for column in described["models"][0]["columns"]:
            if name == "profiles" and column["name"] == "job_title":
                column["config"]["meta"]["survivorship"] = {"expression": "length(value)"}
        (folder / "models" / "profiles" / f"{name}.yml").write_text(yaml.safe_dump(described))
    (folder / "models" / "profiles" / "past.sql").write_text(PAST)
    project = yaml.safe_load((ROOT / "dbt_project.yml").read_text())
    project.pop("on-run-end")
    (folder / "dbt_project.yml").write_text(yaml.safe_dump(project))
    return folder


@pytest.fixture(scope="module")
def told(folder: Path, snowflake: dict[str, str]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """What both warehouses say, day by day."""
    shutil.copy(ROOT / "profiles.yml", folder)
    here = [build(folder, {"WEFT_DUCKDB_PATH": str(folder / "here.duckdb")}, number) for number in (1, 2, 3)]
    shutil.copy(Path(snowflake["DBT_PROFILES_DIR"]) / "profiles.yml", folder)
    env = {**snowflake, "SNOWFLAKE_DATABASE": "survivorship"}
    with open_warehouse(folder, env=env):
        pass  # the first connection creates the database
    return list(zip(here, [build(folder, env, number) for number in (1, 2, 3)], strict=True))


def test_both_warehouses_say_the_same_every_day(told: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    for here, there in told:
        assert there == here


def test_what_they_say_is_what_happened(told: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    days = [dict(zip([row[0] for row in here["profiles"]], here["profiles"], strict=True)) for here, _ in told]
    first, second, third = days
    assert first["p1"][3:] == ("Ada", None, "Rome", None, "Chief Engineer")
    assert second["p1"][3:] == ("Ada", None, "Ulm", None, "Engineer")
    assert first["p2"][1:3] == ("b@example.com", "True")
    assert second["p2"][1:3] == ("b@example.com", "False")
    assert third["p1"][1:5] == ("a@example.com", "True", "Ada", "1815-12-10")
    assert sorted(third) == ["p1"]
    past = {row[:2]: row[2:] for row in told[-1][0]["past"]}
    assert sorted({person for person, _ in past}) == ["p1", "p2"]  # p2 stands for p1 today, p3 has no past
    noon, _, end = (past["p1", f"2026-01-0{at}"] for at in ("1 12:00:00", "2 00:00:00", "3 00:00:00"))
    assert noon[4:] == ("Rome", None, "Chief Engineer")
    assert end[4:] == ("Ulm", None, "Engineer")
