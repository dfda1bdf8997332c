"""What only shows where there are very many identifiers: the warehouse splits and parallelises its work."""

from __future__ import annotations

from .conftest import IdentityProject

#: More rows than DuckDB keeps in one piece.
PEOPLE = 80_000
MANY = f"""
insert into raw.identifiers
select 'shop', 'r' || person, kind, kind || person, timestamp '2026-01-02 12:00:00'
from range({PEOPLE}) as people(person), (values ('user_id'), ('anonymous_id')) as kinds(kind)
"""
COUNTED = "select count(*), count(distinct component_seq) from weft_identity.identity_labels"


def test_what_a_later_run_adds_is_linked_however_much_it_is(project: IdentityProject) -> None:
    project.dbt("build", "--exclude-resource-type", "test")
    project.execute(MANY)
    project.dbt("run")
    assert project.execute(COUNTED) == [(2 * PEOPLE, PEOPLE)]
    people = project.execute("select count(distinct profile_id), count(*) from weft_identity.identity_map")
    assert people == [(PEOPLE, 2 * PEOPLE)]

    project.dbt("run", variables={"identity_record_limit": 24, "identity_rules": {"default": {"priority": 50}}})
    assert project.execute(COUNTED) == [(2 * PEOPLE, PEOPLE)]
