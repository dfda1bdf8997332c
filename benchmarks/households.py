"""Judges households and accounts against a demo's truth: ``python -m benchmarks.households``, after ``make demo``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import duckdb
import typer

from demo.world import HOUSEHOLD

_PEOPLE_PER_COMPANY = 100

_TRUTH = """
create temporary table truth as
with records as (
    select distinct source, table_name || ':' || raw_id as record_id, cast(substr(person_id, 2) as bigint) as person
    from read_parquet(?)
),
placed as (
    select map.profile_id, records.person, count(*) as count_records
    from records
    inner join weft_staging.identifiers as identifiers
        on records.source = identifiers.source and records.record_id = identifiers.record_id
    inner join weft_identity.identity_map as map
        on identifiers.identifier_type = map.identifier_type and identifiers.identifier_value = map.identifier_value
    group by all
)
select
    placed.profile_id,
    placed.person,
    profiles.last_name is not null and profiles.postal_code is not null as has_address
from placed
inner join weft_profiles.profiles as profiles on placed.profile_id = profiles.profile_id
qualify row_number() over (partition by placed.profile_id order by count_records desc, placed.person) = 1
"""

_PAIRS = """
with judged as (
    select truth.person // {size} as true_group, map.{entity}_id as made_group
    from truth
    inner join weft_households.{entity}_map as map on truth.profile_id = map.profile_id
    where {condition}
)
select
    (select count(*) from judged),
    (select sum(n * (n - 1) / 2) from (select count(*) as n from judged group by true_group, made_group)),
    (select sum(n * (n - 1) / 2) from (select count(*) as n from judged group by made_group)),
    (select sum(n * (n - 1) / 2) from (select count(*) as n from judged group by true_group))
"""


@dataclass(frozen=True, slots=True)
class Score:
    """Profiles that were judged, and pairs of them: put together rightly, put together, truly together."""

    profiles: int
    right: int
    made: int
    true: int

    def row(self, name: str) -> str:
        """One row of a Markdown table."""
        precision, recall = self.right / max(self.made, 1), self.right / max(self.true, 1)
        return f"| {name} | {self.profiles:,} | {self.made:,} | {self.true:,} | {precision:.3f} | {recall:.3f} |"


def scores(warehouse: Path, raw: Path) -> dict[str, Score]:
    """Compares each map with the truth; a profile is the person most of whose records went into it."""
    found = {}
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        connection.execute(_TRUTH, [str(raw / "truth" / "record" / "*.parquet")])
        for name, entity, size, condition in (
            ("household, all profiles", "household", HOUSEHOLD, "true"),
            ("household, profiles with an address", "household", HOUSEHOLD, "truth.has_address"),
            ("account", "account", _PEOPLE_PER_COMPANY, "true"),
        ):
            sql = _PAIRS.format(entity=entity, size=size, condition=condition)
            found[name] = Score(*(int(each or 0) for each in connection.execute(sql).fetchall()[0]))
    return found


def main(
    warehouse: Annotated[Path, typer.Option(help="The demo's warehouse.")] = Path(".weft/warehouse.duckdb"),
    raw: Annotated[Path, typer.Option(help="The demo's raw files, with the truth.")] = Path(".weft/raw"),
) -> None:
    """Prints pair precision and recall of households and accounts."""
    print("| | profiles | pairs made | true pairs | precision | recall |\n|---|---|---|---|---|---|")
    for name, score in scores(warehouse, raw).items():
        print(score.row(name))


if __name__ == "__main__":
    typer.run(main)
