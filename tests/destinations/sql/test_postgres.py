"""A PostgreSQL session does what every warehouse does."""

from __future__ import annotations

import pytest

from tests.destinations.sql.conftest import Database
from warehouse.base import Relation
from warehouse.errors import WarehouseError


def test_rows_are_inserted_streamed_and_counted(postgres: Database) -> None:
    with postgres.session() as session:
        session.execute("create table crm.things (id bigint, name text)")
        table = Relation("crm", "things")
        assert session.insert(table, ["id", "name"], ((n, f"thing {n}\t\\N" if n else None) for n in range(25))) == 25

        pages = list(session.stream("select id, name from crm.things order by id", size=10))
        assert [len(page) for page in pages] == [10, 10, 5]
        assert pages[0][:2] == [{"id": 0, "name": None}, {"id": 1, "name": "thing 1\t\\N"}]
        assert session.query("select count(*) as rows from crm.things where id < $1", [5]) == [{"rows": 5}]
        assert session.execute("update crm.things set name = 'x' where id > 20") == 4


def test_a_transaction_that_breaks_off_changes_nothing(postgres: Database) -> None:
    with postgres.session() as session:
        session.execute("create table crm.kept (id bigint)")
        with pytest.raises(WarehouseError), session.transaction():
            session.execute("insert into crm.kept values (1); select 1 / 0")
        assert session.tuples("select * from crm.kept") == []


def test_columns_are_told_with_their_types_as_they_are_declared(postgres: Database) -> None:
    with postgres.session() as session:
        session.execute("create type crm.mood as enum ('glad', 'sad')")
        session.execute('create table crm.typed (id uuid, "Name" varchar(3), amount numeric(10, 2), mood crm.mood)')
        found = session.columns(Relation("crm", "typed"))

    assert [(column.name, column.type.sql("postgres")) for column in found] == [
        ("id", "UUID"),
        ("Name", "VARCHAR(3)"),
        ("amount", "DECIMAL(10, 2)"),
        ("mood", "crm.mood"),
    ]


def test_an_error_does_not_quote_the_value_that_it_is_about(postgres: Database) -> None:
    with postgres.session() as session, pytest.raises(WarehouseError) as error:
        session.query("select cast($1 as integer)", ["anna@example.com"])
    assert "anna" not in str(error.value)
