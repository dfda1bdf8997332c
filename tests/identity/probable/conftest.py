"""A company whose people have two accounts: built, scored, and then copied for each test."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands import python
from tests.identity.conftest import IdentityProject, new_project

ROOT = Path(__file__).parents[3]
START = datetime(2026, 1, 1)
FIRST = ("Ada", "Björn", "Chiara", "Derya", "Emil", "Fatima", "Goran", "Hanna", "Ivo", "Jana", "Karim", "Lena")
LAST = ("Almeida", "Brandt", "Castro", "Demir", "Eriksen", "Fischer", "Garcia", "Horvat", "Ivanova", "Jensen", "Kaya")
CITIES = ("Lisboa", "Berlin", "Madrid", "Izmir", "Oslo", "Köln")
TRAITS = ("source", "identifier_type", "identifier_value", "trait", "value")
Record = tuple[str, dict[str, str | None]]


def invented(people: int = 80) -> tuple[list[Record], set[tuple[str, str]]]:
    """Records of invented people, each under one or two account numbers, and the pairs that are one person.

    The second account has a slip in it: another e-mail, a letter less in the name, no city.
    """
    chance = random.Random(7)
    records: list[Record] = []
    same = set()
    for number in range(people):
        first, last = chance.choice(FIRST), chance.choice(LAST)
        born = datetime(1950, 1, 1) + timedelta(days=chance.randrange(18_000))
        mine: dict[str, str | None] = {
            "first_name": first,
            "last_name": last,
            "birth_date": f"{born:%Y-%m-%d}",
            "city": chance.choice(CITIES),
            "email": f"{first}.{last}{number}@example.com".lower(),
        }
        records.append((f"a{number}", mine))
        if number % 2 == 0:
            slipped = dict(mine)
            slip = chance.choice(("email", "first_name", "city", "birth_date"))
            slipped["email"] = f"{first}{last}.{number}@example.org".lower() if slip != "city" else mine["email"]
            if slip == "first_name":
                slipped["first_name"] = first[:-1]
            elif slip == "birth_date":
                slipped["birth_date"] = f"{born + timedelta(days=1):%Y-%m-%d}"
            else:
                slipped["city"] = None
            records.append((f"b{number}", slipped))
            same.add((f"a{number}", f"b{number}"))
    return records, same


class Company(IdentityProject):
    """An identity project with records, and the commands of `weft` in it."""

    def load(self, records: list[Record]) -> None:
        """Write records as accounts with traits. The e-mail is no identifier here, so nothing is linked exactly."""
        self.write([("shop", key, "user_id", key, START) for key, _ in records])
        rows = [
            ("shop", "user_id", key, trait, value, START)
            for key, attributes in records
            for trait, value in attributes.items()
            if value is not None
        ]
        values = ", ".join(
            "(" + ", ".join(f"'{part}'" for part in row[:5]) + f", timestamp '{row[5]}')" for row in rows
        )
        columns = ", ".join(f"{name} varchar" for name in TRAITS)
        self.execute(
            f"create or replace table raw.traits ({columns}, observed_at timestamp)",
            f"insert into raw.traits values {values}",
        )

    def settings(self, **given: object) -> None:
        """Change the variable identity_probable in the project."""
        file = self.folder / "dbt_project.yml"
        project = yaml.safe_load(file.read_text())
        project["vars"]["identity_probable"].update(given)
        file.write_text(yaml.safe_dump(project, sort_keys=False))

    def weft(self, *arguments: str, fails: bool = False) -> subprocess.CompletedProcess[str]:
        """Run `weft identity` and return what it printed."""
        done = python(
            *("weft", "identity", *arguments),
            cwd=self.folder,
            env={**self.environment, "WEFT_USER": "steward"},
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done

    def score(self, *arguments: str) -> dict[str, Any]:
        """Score and return the report."""
        report: dict[str, Any] = json.loads(self.weft("score", "--json", *arguments).stdout)
        return report

    def scored(self) -> dict[tuple[str, str], tuple[float, str | None]]:
        """The scored pairs of accounts, each with weight and decision."""
        rows = self.execute("select value_a, value_b, weight, decision from weft_identity.identity_probable_pairs")
        return {(a, b): (float(weight), decision) for a, b, weight, decision in rows}

    def together(self) -> set[tuple[str, str]]:
        """The pairs of accounts that are one profile."""
        people: dict[str, list[str]] = {}
        for (kind, value), profile in self.people().items():
            if kind == "user_id":
                people.setdefault(profile, []).append(value)
        return {(a, b) for members in people.values() for a in members for b in members if a < b}


def company(folder: Path, snowflake: Mapping[str, str] | None = None) -> Company:
    """A project with invented people, built and not scored."""
    made = new_project(folder, snowflake)
    found = Company(made.folder, made.snowflake)
    found.load(invented()[0])
    found.dbt("build")
    return found


@pytest.fixture(scope="session")
def scored_once(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """A project with invented people on DuckDB, built and scored, to be copied."""
    made = company(tmp_path_factory.mktemp("probable") / "project")
    made.score()
    return made


@pytest.fixture
def duck(scored_once: Company, tmp_path: Path) -> Company:
    """A copy of the project that was built and scored."""
    shutil.copytree(scored_once.folder, tmp_path / "project")
    return Company(tmp_path / "project")
