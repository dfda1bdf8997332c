"""A table in each of the databases: what a batch does to it, and what is said when it cannot."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pydantic import SecretStr, ValidationError

from reverse_etl.destinations.base import Mode, NullPolicy
from reverse_etl.destinations.sql.settings import SqlSettings
from reverse_etl.errors import AmbiguousCall, BatchRefused, DestinationDown, DestinationRefused
from reverse_etl.kinds import Kind
from reverse_etl.rows import Op, Row
from tests.destinations.conftest import make_row
from tests.destinations.sql.conftest import PASSWORD, Database

#: Of floats, JSON, times without a zone and with one.
TYPES = {
    "duck": ("double", "json", "timestamp", "timestamptz"),
    "postgres": ("float8", "jsonb", "timestamp", "timestamptz"),
    "snow": ("float", "variant", "timestamp_ntz", "timestamp_tz"),
}
#: Ends the session that is amid a transaction.
END = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and state like 'idle in%'"


def test_values_of_every_kind_arrive_as_what_they_are(database: Database, request: pytest.FixtureRequest) -> None:
    f, j, t, z = TYPES[request.node.callspec.params["database"]]
    plain = "id varchar(20), a bigint, b boolean, d date, n decimal(10, 2), s varchar(50)"
    database.run(f"create table {database.schema}.kinds ({plain}, f {f}, j {j}, t {t}, z {z})")
    moment = "2026-11-22T08:30:00Z"
    values: dict[str, Any] = {
        "a": 9_007_199_254_740_993,
        "b": True,
        "d": "2026-02-28",
        "f": 1.5,
        "j": {"x": [1, "ü"]},
        "n": 12.25,
        "s": 'O\'Neill, "Jr." \\ 🧵\n\t%s $1 {{x}}',
        "t": moment,
        "z": moment,
    }
    destination, delivery = database.open(), database.delivery("kinds", fields=frozenset({"id", *values}))
    destination.check(delivery)

    destination.send(delivery, Op.ADD, [make_row("k1", id="k1", **values), make_row("k2", id="k2", a=2.0, b=None)])

    first, second = database.rows("kinds", "id, a, b, d, f, j, n, s, t, z")
    told = json.loads(first[5]) if isinstance(first[5], str) else first[5]
    moment_there = first[9].astimezone(UTC)
    assert (*first[:5], told, *first[6:9], moment_there) == (
        *("k1", 9_007_199_254_740_993, True, date(2026, 2, 28), 1.5, {"x": [1, "ü"]}, Decimal("12.25"), values["s"]),
        datetime(2026, 11, 22, 8, 30),
        datetime(2026, 11, 22, 8, 30, tzinfo=UTC),
    )
    assert second[:3] == ("k2", 2, None)


def test_rows_are_added_changed_and_removed_by_their_key(database: Database) -> None:
    database.run(
        f"create table {database.schema}.life (id bigint primary key, name varchar(20), own varchar(20))",
        f"insert into {database.schema}.life values (1, 'old', 'theirs'), (9, 'stranger', 'theirs')",
    )
    destination = database.open()
    delivery = database.delivery("life", mode=Mode.MIRROR, fields=frozenset({"id", "name"}))
    destination.check(delivery)
    assert len(database.rows("life")) == 2, "the rehearsal changes nothing"

    for _ in range(2):
        destination.send(delivery, Op.ADD, [make_row(str(n), id=n, name=f"n{n}") for n in (1, 2, 3)])
    destination.send(delivery, Op.CHANGE, [make_row("2", Op.CHANGE, changed=("name",), id=2, name="two")])
    destination.send(delivery, Op.REMOVE, [make_row(str(n), Op.REMOVE, id=n) for n in (3, 77)])

    assert database.rows("life") == [(1, "n1", "theirs"), (2, "two", None), (9, "stranger", "theirs")]
    assert destination.count(delivery) == (3, 3)
    assert sorted(member.key for member in destination.members(delivery)) == ["1", "2", "9"]


@pytest.mark.parametrize(
    ("policy", "op", "value", "there"),
    [
        (NullPolicy.CLEAR_OWN, Op.ADD, None, "theirs"),
        (NullPolicy.CLEAR_OWN, Op.CHANGE, None, None),
        (NullPolicy.SKIP, Op.CHANGE, None, "theirs"),
        (NullPolicy.CLEAR, Op.ADD, None, None),
        (NullPolicy.SET_IF_EMPTY, Op.ADD, "ours", "theirs"),
        (NullPolicy.CLEAR, Op.ADD, "ours", "ours"),
    ],
)
def test_an_empty_value_does_what_its_policy_says(
    database: Database, policy: NullPolicy, op: Op, value: str | None, there: str | None
) -> None:
    database.run(
        f"create or replace table {database.schema}.nulls (id varchar(9), tier varchar(9))"
        if database.settings.engine != "postgres"
        else "drop table if exists crm.nulls; create table crm.nulls (id varchar(9), tier varchar(9))",
        f"insert into {database.schema}.nulls values ('x', 'theirs')",
    )
    delivery = database.delivery("nulls", columns={"tier": policy})
    changed = ("tier",) if op is Op.CHANGE else ()

    database.open().send(delivery, op, [make_row("x", op, changed=changed, id="x", tier=value)])

    assert database.rows("nulls") == [("x", there)]


def test_of_a_batch_with_a_bad_row_nothing_is_there(database: Database) -> None:
    database.run(f"create table {database.schema}.whole (id varchar(9), born date)")
    rows = [make_row(f"k{n}", id=f"k{n}", born="2000-01-01" if n else "the day before") for n in range(3)]

    with pytest.raises(BatchRefused) as refused:
        database.open().send(database.delivery("whole"), Op.ADD, rows)
    assert (refused.value.code, "before" in str(refused.value)) == ("value", False)
    assert database.rows("whole") == []


@pytest.mark.parametrize("value", [1.5, "1.5", "many", True])
def test_a_value_that_would_be_rounded_or_turned_into_something_else_is_refused(duck: Database, value: Any) -> None:
    duck.run("create table if not exists crm.rounded (id varchar, orders integer)")

    with pytest.raises(BatchRefused, match="value"):
        duck.open().send(duck.delivery("rounded"), Op.ADD, [make_row("x", id="x", orders=value)])


@pytest.mark.parametrize("engine", ["postgres", "snow"])
def test_a_text_that_is_too_long_is_refused_and_not_cut_short(engine: str, request: pytest.FixtureRequest) -> None:
    database: Database = request.getfixturevalue(engine)
    if engine == "snow":
        pytest.skip("the emulator keeps no lengths")
    database.run(f"create table {database.schema}.short (id varchar(9), name varchar(3))")

    with pytest.raises(BatchRefused, match="value"):
        database.open().send(database.delivery("short"), Op.ADD, [make_row("x", id="x", name="long")])
    assert database.rows("short") == []


def test_a_missing_table_is_created_with_the_feeds_types_where_that_is_asked(database: Database) -> None:
    types = {
        "id": Kind.TEXT,
        "orders": Kind.INTEGER,
        "spent": Kind.DECIMAL,
        "seen": Kind.TIMESTAMP,
        "vip": Kind.BOOLEAN,
        "rate": Kind.FLOAT,
        "born": Kind.DATE,
        "order": Kind.JSON,
    }
    delivery = database.delivery("made", fields=frozenset(types), types=types)
    with pytest.raises(DestinationRefused, match=r"There is no table .*made") as refused:
        database.open().check(delivery)
    assert "create: true" in refused.value.fix

    destination = database.open(create=True)
    destination.check(delivery)
    destination.check(delivery)
    values: dict[str, Any] = {
        "orders": 3,
        "spent": 1.1,
        "seen": "2026-11-22T08:00:00Z",
        "vip": False,
        "rate": 0.5,
        "born": "1990-01-01",
        "order": ["x"],
    }
    destination.send(delivery, Op.ADD, [make_row("x", id="x", **values)])

    [(orders, spent, vip)] = database.rows("made", "orders, spent, vip")
    assert (orders, spent, vip) == (3, Decimal("1.1"), False)


def test_what_the_table_lacks_is_named_before_the_first_batch(database: Database) -> None:
    database.run(f"create table {database.schema}.narrow (id varchar(9), Name varchar(9))")
    delivery = database.delivery("narrow", fields=frozenset({"id", "name", "shoe_size", "tier"}))

    with pytest.raises(DestinationRefused, match="lacks shoe_size, tier"):
        database.open().check(delivery)


def test_types_that_do_not_go_together_are_named_before_the_first_batch(database: Database) -> None:
    odd = {"postgres": "bytea", "duckdb": "blob", "snowflake": "binary"}[database.settings.engine]
    database.run(f"create table {database.schema}.odd (id varchar(9), born date, photo {odd})")
    types = {"id": Kind.TEXT, "born": Kind.INTEGER, "photo": Kind.TEXT}

    with pytest.raises(DestinationRefused, match="born is a date there and a integer in the feed; photo is"):
        database.open().check(database.delivery("odd", fields=frozenset(types), types=types))


def test_a_schema_may_be_called_as_the_file_is(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "crm.duckdb")) as connection:
        connection.execute("create schema crm.crm")
        connection.execute("create table crm.crm.people (id varchar)")
    database = Database(SqlSettings(engine="duckdb", path=str(tmp_path / "crm.duckdb")))
    delivery = database.delivery("people", fields=frozenset({"id"}))

    database.open().check(delivery)
    database.open().send(delivery, Op.ADD, [make_row("x", id="x")])

    assert database.open().count(delivery) == (1, 1)


def test_a_key_that_several_rows_share_is_refused(database: Database) -> None:
    database.run(
        f"create table {database.schema}.twice (id varchar(9))",
        f"insert into {database.schema}.twice values ('a'), ('a'), ('b')",
    )
    with pytest.raises(DestinationRefused, match=r"id is not unique in .*: 1 rows repeat"):
        database.open().check(database.delivery("twice", fields=frozenset({"id"})))


@pytest.mark.parametrize("target", [None, "people", "crm.people; drop table crm.people", 'crm."people"', "a.b.c.d"])
def test_a_table_that_is_not_named_by_its_schema_is_refused(duck: Database, target: str | None) -> None:
    delivery = duck.delivery("x")

    with pytest.raises(DestinationRefused, match=r"schema\.table"):
        duck.open().check(type(delivery)("table", target, key="id"))


def test_a_missing_permission_is_told_before_the_first_batch(postgres: Database) -> None:
    postgres.run(
        "create table crm.guarded (id varchar primary key)",
        "create role reader login password 'reader'",
        "grant usage on schema crm to reader",
        "grant select, insert, update on crm.guarded to reader",
    )
    reader = postgres.open(user="reader", password=SecretStr("reader"))
    fields = frozenset({"id"})
    reader.check(postgres.delivery("guarded", fields=fields))

    with pytest.raises(DestinationRefused, match="permission denied for table guarded"):
        reader.check(postgres.delivery("guarded", mode=Mode.MIRROR, fields=fields))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"password": SecretStr("wrong")}, "password authentication failed"),
        ({"database": "nowhere"}, 'database "nowhere" does not exist'),
    ],
)
def test_a_server_that_never_lets_us_in_refuses(postgres: Database, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(DestinationRefused, match=said) as refused:
        postgres.open(**changes).check(postgres.delivery("life"))
    assert "wrong" not in str(refused.value)
    assert PASSWORD not in str(refused.value)


def test_a_server_that_does_not_answer_is_down(postgres: Database) -> None:
    with pytest.raises(DestinationDown) as down:
        postgres.open(port=1).check(postgres.delivery("life"))
    assert not isinstance(down.value, AmbiguousCall)


def test_a_session_that_is_ended_amid_a_batch_leaves_nothing_and_is_down(
    postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from warehouse.postgres import PostgresWarehouse

    postgres.run("create table crm.broken (id varchar primary key)")
    plain = PostgresWarehouse.execute_with

    def ended(self: PostgresWarehouse, *arguments: Any) -> int:
        plain(self, *arguments)
        postgres.run(END)
        return self.execute("select 1")

    monkeypatch.setattr(PostgresWarehouse, "execute_with", ended)
    with pytest.raises(DestinationDown) as down:
        postgres.open().send(postgres.delivery("broken"), Op.ADD, [make_row("x", id="x")])
    assert not isinstance(down.value, AmbiguousCall)
    assert postgres.rows("broken") == []


def test_a_commit_that_breaks_leaves_the_batch_in_doubt(postgres: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from warehouse.postgres import PostgresWarehouse

    postgres.run("create table crm.doubt (id varchar primary key)")
    plain = PostgresWarehouse.execute_with

    def ended(self: PostgresWarehouse, *arguments: Any) -> int:
        changed = plain(self, *arguments)
        postgres.run(END)
        return changed

    monkeypatch.setattr(PostgresWarehouse, "execute_with", ended)
    with pytest.raises(AmbiguousCall):
        postgres.open().send(postgres.delivery("doubt"), Op.ADD, [make_row("x", id="x")])


def test_a_constraint_of_the_table_refuses_the_batch(postgres: Database) -> None:
    postgres.run("create table crm.strict (id varchar primary key, email varchar not null unique)")
    destination, delivery = postgres.open(), postgres.delivery("strict")
    destination.send(delivery, Op.ADD, [make_row("a", id="a", email="anna@example.com")])

    with pytest.raises(BatchRefused) as refused:
        destination.send(delivery, Op.ADD, [make_row("b", id="b", email="anna@example.com")])
    assert (refused.value.code, "anna" in str(refused.value)) == ("constraint", False)
    assert "anna" not in str(refused.value.__cause__)


def test_a_file_that_another_program_holds_is_down_and_one_that_is_not_there_is_refused(
    duck: Database, tmp_path: Path
) -> None:
    with pytest.raises(DestinationRefused, match="no warehouse file"):
        duck.open(path=str(tmp_path / "none.duckdb")).check(duck.delivery("life"))

    (tmp_path / "text.duckdb").write_text("this is no database")
    with pytest.raises((DestinationRefused, DestinationDown)):
        duck.open(path=str(tmp_path / "text.duckdb")).check(duck.delivery("life"))


def test_a_large_batch_is_one_transaction(database: Database) -> None:
    database.run(f"create table {database.schema}.large (id varchar(20), name varchar(40), orders bigint)")
    count = 2_000 if database.settings.engine == "snowflake" else 20_000
    rows = [Row(f"k{n}", Op.ADD, {"id": f"k{n}", "name": f"Person {n}", "orders": n}) for n in range(count)]

    results = database.open().send(database.delivery("large"), Op.ADD, rows)

    assert {result.outcome.value for result in results} == {"applied"}
    assert database.rows("large", "count(*), sum(orders)") == [(count, sum(range(count)))]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"engine": "duckdb"}, "duckdb needs path"),
        ({"engine": "postgres", "host": "db.example.com"}, "postgres needs database, user"),
        ({"engine": "oracle"}, "duckdb"),
        (
            {"engine": "postgres", "host": "db.example.com", "database": "d", "user": "u", "sslmode": "disable"},
            "own machine",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SqlSettings(**settings)


def test_a_password_is_not_shown() -> None:
    settings = SqlSettings(engine="duckdb", path="x", password=SecretStr(PASSWORD))
    assert PASSWORD not in repr(settings)
