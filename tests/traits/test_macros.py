"""The unit tests of tests/traits/project, on both warehouses, and what a wrong trait is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.traits.conftest import TraitProject

if TYPE_CHECKING:
    from pathlib import Path


def test_every_macro_does_on_duckdb_what_its_unit_tests_say(project: TraitProject) -> None:
    built = project.dbt("build")
    assert built.returncode == 0, built.stdout[-6000:]


def test_every_macro_does_on_snowflake_what_its_unit_tests_say(tmp_path: Path, snowflake: dict[str, str]) -> None:
    from warehouse.profile import open_warehouse

    project = TraitProject(tmp_path, {**snowflake, "SNOWFLAKE_DATABASE": "traits"})
    with open_warehouse(tmp_path, env=project.env):  # the first connection creates the database
        built = project.dbt("build")
    assert built.returncode == 0, built.stdout[-6000:]


WRONG = """
{% set traits = {
    'no_kind': 'count of orders',
    'no_such_kind': trait_counts('order'),
    'no_events': trait_count([]),
    'no_value': trait_sum('order', none),
    'two_windows': trait_count('order', within_days=30, calendar='month'),
    'backwards': trait_count('order', within_days=-30),
    'half': trait_avg('order', 'amount', within_days=0.5),
    'fortnight': trait_count('order', calendar='fortnight'),
    'lost_ago': trait_count('order', within_days=30, ago=1),
    'no_gap': trait_sessions('order', session_minutes=0),
    'hourly': trait_streak('order', period='hour', which='best'),
    'one_point': trait_trend('order', periods=1),
    'Capital': trait_count('order'),
    'expires_at': trait_last_at('order'),
} %}
with people as (select * from {{ ref('people') }}), events as (select * from {{ ref('events') }})
{{ compute_traits(traits, people='people', events='events') }}
"""
TOLD = [
    "trait 'no_kind' is none of the kinds that there are",
    "trait 'no_such_kind' is none of the kinds that there are: write no_such_kind: trait_count(",
    "trait 'no_events' (count): events must be the name of an event or a list of names",
    "trait 'no_value' (sum): value is missing",
    "trait 'two_windows' (count): a trait has one window",
    "trait 'backwards' (count): within_days must be a whole number above 0, not: -30",
    "trait 'half' (avg): within_days must be a whole number above 0, not: 0.5",
    "trait 'fortnight' (count): calendar must be one of day, week, month, quarter, year, not: fortnight",
    "trait 'lost_ago' (count): ago goes with calendar",
    "trait 'no_gap' (sessions): session_minutes must be a whole number above 0, not: 0",
    "trait 'hourly' (streak): period must be day, week or month, not: hour",
    "trait 'hourly' (streak): which must be current or longest, not: best",
    "trait 'one_point' (trend): periods must be a whole number above 1, not: 1",
    "trait 'Capital': a name takes small letters",
    "trait 'expires_at': there is a column of that name beside the traits",
]


def test_everything_that_is_wrong_with_traits_is_told_at_once_with_file_and_trait(tmp_path: Path) -> None:
    project = TraitProject(tmp_path)
    project.write("wrong", WRONG)
    parsed = project.dbt("parse")
    assert parsed.returncode != 0
    told = " ".join(parsed.stdout.split())
    assert [problem for problem in TOLD if problem not in told] == []
    assert "models/wrong.sql: trait" in told

    project.write("wrong", "{{ compute_traits({'orders': trait_count('order', within_day=3)}, 'people', 'events') }}")
    misspelt = project.dbt("parse").stdout
    assert "takes no keyword argument 'within_day'" in misspelt
    assert "models/wrong.sql" in misspelt
