"""Where the columns of a query come from, in the shapes that SQL has, in both dialects."""

from __future__ import annotations

import pytest
from sqlglot import exp

from lineage.queries import Table, Unreadable, read_query
from lineage.shapes import Branch

TABLES = {
    "people": ("id", "email", "name", "city"),
    "orders": ("order_id", "person_id", "total", "ordered_at"),
    "statements": ("person_id", "kind", "value", "said_at"),
    "events": ("event_id", "event_name", "properties"),
}
BOTH = ("duckdb", "snowflake")


def find(table: exp.Table) -> Table | None:
    name = table.name.lower()
    if name == "raw":
        return Table("raw", (), True)
    return Table(name, TABLES[name], False) if name in TABLES else None


def branches(sql: str, dialect: str = "duckdb") -> list[Branch]:
    return read_query(sql, dialect, find)


def origins(branch: Branch, column: str) -> set[str]:
    """Return a column's origins as texts: `people.email`, with the kind of those that are no values."""
    told = set()
    for one in branch.columns[column].origins:
        name = f"{one.node}.{one.column}" if one.node else f"? {one.column}"
        name += "".join(f"[{key}={','.join(sorted(values))}]" for key, values in sorted(one.rows))
        name += f"->{one.takes}" if one.takes else ""
        told.add(name if one.how.name == "PLAIN" else f"{one.how.name.lower()} {name}")
    return told


def of(sql: str, dialect: str = "duckdb") -> dict[str, set[str]]:
    """Return every column's origins, in all branches together."""
    found: dict[str, set[str]] = {}
    for branch in branches(sql, dialect):
        for column in branch.columns:
            found.setdefault(column, set()).update(origins(branch, column))
    return found


#: What a query's only column comes from.
ONE_COLUMN = [
    ("select email as e from people", {"people.email"}),
    ("select lower(trim(email)) as e from people", {"people.email"}),
    ("select name || ' ' || city as e from people", {"people.name", "people.city"}),
    ("select coalesce(email, name) as e from people", {"people.email", "people.name"}),
    ("select nullif(email, name) as e from people", {"people.email", "derived people.name"}),
    ("select cast(email as varchar) as e from people", {"people.email"}),
    ("select 'x' as e from people", set()),
    ("select count(*) as e from people", set()),
    ("select count(distinct email) as e from people", {"derived people.email"}),
    ("select max(email) as e from people group by city", {"people.email"}),
    ("select email is not null as e from people", {"derived people.email"}),
    ("select email like '%@x.org' and city = 'Bonn' as e from people", {"derived people.email", "derived people.city"}),
    ("select case when email is null then city else name end as e from people",
     {"derived people.email", "people.city", "people.name"}),
    ("select row_number() over (partition by city order by email) as e from people",
     {"derived people.city", "derived people.email"}),
    ("select max(total) over (partition by person_id) as e from orders", {"orders.total", "derived orders.person_id"}),
    ("select md5(email) as e from people", {"hashed people.email"}),
    ("select md5(coalesce(email, '') || '|' || name) as e from people", {"hashed people.email", "hashed people.name"}),
    ("select max_by(email, id) as e from people", {"people.email", "derived people.id"}),
    ("select (select max(total) from orders where orders.person_id = people.id) as e from people", {"orders.total"}),
    ("select id in (select person_id from orders) as e from people", {"derived people.id", "derived orders.person_id"}),
    ("with a as (select * from people), b as (select email as x from a) select x as e from b", {"people.email"}),
    ("with a (e) as (select email from people) select e from a", {"people.email"}),
    ("select a.e from (select email from people) as a (e)", {"people.email"}),
    ("select email as e from people union all select city from people", {"people.email", "people.city"}),
    ("select email as e from people except select city from people", {"people.email"}),
    ("select people.email as e from orders left join people on orders.person_id = people.id", {"people.email"}),
    ("select lower(email) as low, low || '!' as e from people", {"people.email"}),
    ("select missing as e from people", {"? missing, which nothing that is read has"}),
    ("select surprise as e from raw", {"raw.surprise"}),
    ("with r as (select * from raw) select r.surprise as e from r", {"raw.surprise"}),
    ("select x as e from nowhere.known", {"? nowhere.known, which is neither a model, a seed nor a source"}),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "expected"), ONE_COLUMN, ids=[sql[:60] for sql, _ in ONE_COLUMN])
@pytest.mark.parametrize("dialect", BOTH)
def test_a_column_comes_from(sql: str, expected: set[str], dialect: str) -> None:
    assert of(sql, dialect)["e"] == expected


ONE_DIALECT = [
    ("duckdb", "select sha256(email) as e from people", {"hashed people.email"}),
    ("duckdb", "select hash(email, city) as e from people", {"hashed people.email", "hashed people.city"}),
    ("duckdb", "select list_transform(string_split(name, ' '), w -> w || city) as e from people",
     {"people.name", "people.city"}),
    ("duckdb", "select count(*) filter (where city = 'Bonn') as e from people", {"derived people.city"}),
    ("duckdb", "select u.e from people, unnest(string_split(name, ' ')) as u (e)", {"people.name"}),
    ("duckdb", "from (select email as e from people)", {"people.email"}),
    ("duckdb", "select case when email is null then 1 end as e from people", {"derived people.email"}),
    ("snowflake", "select sha2(email, 256) as e from people", {"hashed people.email"}),
    ("snowflake", "select hash(email) as e from people", {"hashed people.email"}),
    ("snowflake", "select iff(email is null, city, name) as e from people",
     {"derived people.email", "people.city", "people.name"}),
    ("snowflake", "select f.value as e from people, lateral flatten(input => split(people.name, ' ')) as f",
     {"people.name"}),
    ("snowflake", "select PEOPLE.\"EMAIL\" as E from PEOPLE", {"people.email"}),
    ("snowflake", "select listagg(name, ',') within group (order by id) as e from people",
     {"people.name", "people.id"}),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "sql", "expected"), ONE_DIALECT, ids=[sql[:60] for _, sql, _ in ONE_DIALECT])
def test_a_column_comes_from_in_one_dialect(dialect: str, sql: str, expected: set[str]) -> None:
    assert of(sql, dialect)["e"] == expected


@pytest.mark.parametrize("dialect", BOTH)
def test_a_star_is_every_column_of_what_is_read(dialect: str) -> None:
    assert list(of("with a as (select * from people) select * from a", dialect)) == list(TABLES["people"])
    joined = "select people.*, orders.total from people inner join orders on people.id = orders.person_id"
    assert of(joined, dialect)["total"] == {"orders.total"}
    kept = of("select * exclude (email) from people", dialect)
    assert list(kept) == ["id", "name", "city"]


def test_a_star_can_replace_and_rename() -> None:
    assert of("select * replace (md5(email) as email) from people")["email"] == {"hashed people.email"}
    assert of("select * rename (email as e) from people")["e"] == {"people.email"}


KINDS = """
with said as (
    select id as person_id, 'email' as kind, email as value from people
    union all
    select id, 'city', city from people
    union all
    select person_id, kind, value from statements
)
"""


@pytest.mark.parametrize("dialect", BOTH)
def test_a_pivot_has_what_the_rows_of_its_kind_have(dialect: str) -> None:
    pivot = KINDS + "select person_id, max(case when kind = 'email' then value end) as e from said group by 1"
    values = {one for one in of(pivot, dialect)["e"] if not one.startswith("derived")}
    assert values == {"people.email", "statements.value[kind=email]"}


@pytest.mark.parametrize(
    "condition", ["kind = 'email'", "'email' = kind", "kind in ('email')", "(kind = 'email') and value <> ''"]
)
def test_a_condition_leaves_the_rows_that_it_holds_for(condition: str) -> None:
    found = of(KINDS + f"select value as e from said where {condition}")["e"]
    assert found == {"people.email", "statements.value[kind=email]"}


def test_a_join_leaves_the_rows_that_its_condition_holds_for() -> None:
    sql = (
        KINDS + "select said.value as e from orders left join said on orders.person_id = said.person_id and kind = 'x'"
    )
    assert of(sql.replace(" kind = 'x'", " said.kind = 'city'"))["e"] == {"people.city", "statements.value[kind=city]"}


def test_two_readings_of_one_table_are_kept_apart() -> None:
    sql = """
    select mine.value as e, theirs.value as f
    from statements as mine inner join statements as theirs on mine.person_id = theirs.person_id
    where theirs.kind = 'email'
    """
    found = of(sql)
    assert found["e"] == {"statements.value"}
    assert found["f"] == {"statements.value[kind=email]"}


@pytest.mark.parametrize(
    ("read", "partition", "expected"),
    [("statements", "person_id, kind", {"statements.value[kind=email]"}),
     ("statements", "person_id", {"statements.value"}),
     ("constants", "person_id, kind", {"people.email"}),
     ("constants", "person_id", {"people.email", "people.city"})],
)  # fmt: skip
def test_a_window_sees_the_rows_of_its_partition_and_no_fewer(read: str, partition: str, expected: set[str]) -> None:
    sql = f"""
    with constants as (
        select id as person_id, 'email' as kind, email as value from people
        union all
        select id, 'city', city from people
    ),
    seen as (select kind, first_value(value) over (partition by {partition} order by person_id) as v from {read})
    select v as e from seen where kind = 'email'
    """
    assert {one for one in of(sql)["e"] if not one.startswith("derived")} == expected


@pytest.mark.parametrize(
    ("dialect", "made", "read"),
    [("duckdb", "json_object('mail', email, 'town', city)", "p ->> '$.\"mail\"'"),
     ("snowflake", "cast(object_construct_keep_null('mail', email, 'town', city) as variant)",
      "cast(p['mail'] as varchar)")],
)  # fmt: skip
def test_a_field_of_json_comes_from_what_was_put_there(dialect: str, made: str, read: str) -> None:
    assert of(f"select {read} as e from (select {made} as p from people) as made", dialect)["e"] == {"people.email"}
    stored = read.replace("p ", "properties ").replace("p[", "properties[")
    assert of(f"select {stored} as e from events", dialect)["e"] == {"events.properties->mail"}


def test_a_place_of_a_list_comes_from_what_was_put_there() -> None:
    made = "with d as (select (properties ->> ['$.\"total\"', '$.\"coupon\"']) as texts from events)"
    assert of(f"{made} select upper(d.texts[2]) as e from d")["e"] == {"events.properties->coupon"}
    turned = of(f"{made} select list_reverse(texts)[2] as e from d")["e"]
    assert turned == {"events.properties->total", "events.properties->coupon"}


def test_recursion_ends() -> None:
    sql = "with recursive r (n, e) as (select id, email from people union all select n + 1, e from r) select e from r"
    assert of(sql)["e"] == {"people.email"}


def test_what_decides_about_the_rows_is_told_apart_from_their_values() -> None:
    sql = "select name from people inner join orders on people.id = orders.person_id where city = 'Bonn'"
    [branch] = branches(sql)
    deciding = {f"{one.node}.{one.column}" for one in branch.rows}
    assert {"people.city", "people.id", "orders.person_id", "people.(rows)", "orders.(rows)"} == deciding


def test_many_unions_joined_to_each_other_are_still_followed() -> None:
    many = " union all ".join(f"select id, 'k{number}' as kind, email as value from people" for number in range(30))
    sql = f"with m as ({many}) select a.value as e from m as a inner join m as b on a.id = b.id"
    assert of(sql)["e"] == {"people.email"}


@pytest.mark.parametrize(
    ("sql", "reason"),
    [("select * from people pivot (count(*) for city in ('Bonn'))", "pivot"),
     ("select columns('e.*') from people", "COLUMNS"),
     ("select other.* from people", "reads nothing of that name"),
     ("create table x as select 1", "not a query"),
     ("select from where", "cannot be parsed")],
)  # fmt: skip
def test_what_cannot_be_followed_is_said(sql: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        branches(sql)
