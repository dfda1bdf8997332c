"""Households and accounts on top of identity: a copy of the project in which a test says what profiles show."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.identity.conftest import ROOT, IdentityProject, Mention, new_project

#: What a test may say of the person who has an identifier.
ATTRIBUTES = ("last_name", "postal_code", "city", "country", "company_name")

#: Stands in for the profiles model: the same people, with the attributes that the test wrote.
PROFILES = """
with identity_map as (select * from {{ ref('identity_map') }}),
forgotten as (
    select identity_map.profile_id
    from identity_map
    inner join raw.forgotten as told
        on identity_map.identifier_type = told.identifier_type and identity_map.identifier_value = told.identifier_value
)
select
    identity_map.profile_id,
    ATTRIBUTES,
    min(identity_map.first_seen_at) as first_seen_at,
    max(identity_map.last_seen_at) as last_seen_at
from identity_map
left join raw.attributes as told
    on identity_map.identifier_type = told.identifier_type and identity_map.identifier_value = told.identifier_value
where identity_map.profile_id not in (select profile_id from forgotten)
group by identity_map.profile_id
""".replace("ATTRIBUTES", ", ".join(f"max(told.{name}) as {name}" for name in ATTRIBUTES))

#: (identifier type, identifier value) to what the profile of its person shows.
Attributes = Mapping[tuple[str, str], Mapping[str, str]]
Identifier = tuple[str, str]


@dataclass
class HouseholdProject:
    """A dbt project with identity, households and accounts in it."""

    identity: IdentityProject

    def write(self, mentions: Iterable[Mention], attributes: Attributes, forgotten: Iterable[Identifier] = ()) -> None:
        """Replaces what the sources say: records, what profiles show, and who asked to be erased."""
        self.identity.write(mentions)
        columns = ", ".join(f"{name} varchar" for name in ("identifier_type", "identifier_value", *ATTRIBUTES))
        statements = [
            f"create or replace table raw.attributes ({columns})",
            "create or replace table raw.forgotten (identifier_type varchar, identifier_value varchar)",
        ]
        rows = [(*key, *(told.get(name) for name in ATTRIBUTES)) for key, told in attributes.items()]
        for table, values in (("attributes", rows), ("forgotten", list(forgotten))):
            if values:
                texts = (", ".join("null" if each is None else f"'{each}'" for each in row) for row in values)
                statements.append(f"insert into raw.{table} values {', '.join(f'({text})' for text in texts)}")
        self.identity.execute(*statements)

    def declare_attributes(self) -> None:
        """Describes the columns of the profiles model, as the real one has it."""
        columns = [{"name": name} for name in ("profile_id", *ATTRIBUTES)]
        file = self.identity.folder / "models" / "profiles" / "profiles.yml"
        file.write_text(yaml.safe_dump({"models": [{"name": "profiles", "columns": columns}]}))

    def build(self, *arguments: str, variables: Mapping[str, object] | None = None) -> None:
        """Builds everything."""
        self.identity.dbt("build", *arguments, variables=variables)

    def households(self) -> dict[Identifier, str]:
        """The household of each identifier's person."""
        return self._map("household_map", "household_id")

    def accounts(self) -> dict[Identifier, str]:
        """The account of each identifier's person, of those who have one."""
        return self._map("account_map", "account_id")

    def _map(self, table: str, column: str) -> dict[Identifier, str]:
        rows = self.identity.execute(
            f"select identities.identifier_type, identities.identifier_value, mapped.{column} "
            "from weft_identity.identity_map as identities "
            f"inner join weft_households.{table} as mapped on identities.profile_id = mapped.profile_id"
        )
        return {(kind, value): entity for kind, value, entity in rows}


def new_household_project(folder: Path, snowflake: Mapping[str, str] | None = None) -> HouseholdProject:
    """A project in a folder, without data."""
    made = new_project(folder, snowflake)
    # The traits of households and accounts are of events, of which these tests have none.
    without = shutil.ignore_patterns("*_traits.*")
    shutil.copytree(ROOT / "models" / "households", folder / "models" / "households", ignore=without)
    (folder / "models" / "profiles").mkdir()
    (folder / "models" / "profiles" / "profiles.sql").write_text(PROFILES)
    for suffix in ("csv", "yml"):
        shutil.copy(ROOT / "seeds" / f"free_mail_domains.{suffix}", folder / "seeds")

    project = yaml.safe_load((folder / "dbt_project.yml").read_text())
    wanted = yaml.safe_load((ROOT / "dbt_project.yml").read_text())["models"]["weft"]
    project["models"]["weft"].update({part: wanted[part] for part in ("profiles", "households")})
    (folder / "dbt_project.yml").write_text(yaml.safe_dump(project, sort_keys=False))
    return HouseholdProject(made)


@pytest.fixture
def project(tmp_path: Path) -> HouseholdProject:
    """A project without data, for one test."""
    return new_household_project(tmp_path)
