"""The warehouse from the dbt profile: opened as dbt would, or one message that says what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from snowflake.connector.errors import DatabaseError

from warehouse.base import Relation
from warehouse.errors import WarehouseError
from warehouse.profile import open_warehouse

PROFILE = """
weft:
  target: "{{ env_var('WEFT_TARGET', 'duckdb') }}"
  outputs:
    duckdb:
      type: duckdb
      path: "{{ env_var('FILE', 'w.duckdb') }}"
      schema: weft
      settings: {TimeZone: UTC}
    snowflake:
      type: snowflake
      account: "{{ env_var('ACCOUNT', '') }}"
      user: someone
      password: "{{ env_var('PASSWORD', '') }}"
      database: shop
      schema: weft
    postgres: {type: postgres, host: "{{ env_var('HOST') }}"}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "dbt_project.yml").write_text("name: shop\nprofile: weft\n")
    (tmp_path / "profiles.yml").write_text(PROFILE)
    return tmp_path


def test_the_profile_is_rendered_and_relative_to_the_project(project: Path) -> None:
    duckdb.connect(str(project / "other.duckdb")).close()
    with open_warehouse(project, env={"FILE": "other.duckdb"}) as warehouse:
        assert (warehouse.dialect, warehouse.schema, warehouse.engine_schema) == ("duckdb", "weft", "weft_engine")
        assert warehouse.query("select current_setting('TimeZone') as zone") == [{"zone": "UTC"}]


def test_rows_stream_while_others_are_written(project: Path) -> None:
    duckdb.connect(str(project / "w.duckdb")).close()
    with open_warehouse(project, env={}) as warehouse:
        table = Relation("main", "t")
        warehouse.execute("create table t (a bigint, b varchar)")
        assert warehouse.insert(table, ["a", "b"], ((number, None) for number in range(120_000))) == 120_000
        sizes = []
        for chunk in warehouse.stream("select a from t", size=50_000):
            sizes.append(len(chunk))
            warehouse.execute("insert into t values (-1, 'x')")
        assert sizes == [50_000, 50_000, 20_000]


def test_a_transaction_is_all_or_nothing(project: Path) -> None:
    duckdb.connect(str(project / "w.duckdb")).close()
    with open_warehouse(project, env={}) as warehouse:
        warehouse.execute("create table t (a bigint)")
        with pytest.raises(ZeroDivisionError), warehouse.transaction():
            assert warehouse.execute("insert into t values (1)") / 0
        assert warehouse.query("select * from t") == []


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({}, "There is no warehouse file yet."),
        ({"WEFT_TARGET": "bigquery"}, "set WEFT_TARGET to one of: duckdb, postgres, snowflake"),
        ({"WEFT_TARGET": "snowflake"}, "set SNOWFLAKE_ACCOUNT"),
        ({"WEFT_TARGET": "postgres"}, "The environment variable HOST is not set."),
        ({"WEFT_TARGET": "postgres", "HOST": "x"}, "use duckdb or snowflake"),
        ({"FILE": "profiles.yml"}, "cannot be opened"),
    ],
)
def test_what_is_wrong_is_said(project: Path, env: dict[str, str], told: str) -> None:
    with pytest.raises(WarehouseError) as wrong:
        open_warehouse(project, env=env)
    assert told in str(wrong.value)
    assert wrong.value.exit_code == 2
    assert not (project / "w.duckdb").exists()


def test_a_folder_that_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="not a dbt project"):
        open_warehouse(tmp_path, env={})


def test_a_file_that_another_process_holds(project: Path) -> None:
    file = str(project / "w.duckdb")
    holder = f"import duckdb, time; c = duckdb.connect({file!r}); print(1, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", holder], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(WarehouseError) as wrong:
            open_warehouse(project, env={})
        process.kill()
    assert f"process {process.pid}" in wrong.value.what
    assert f"ps -p {process.pid}" in wrong.value.fix


def test_a_wrong_snowflake_password_is_one_message_without_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**arguments: object) -> None:
        raise DatabaseError("Incorrect username or password was specified.", errno=250001)

    monkeypatch.setattr("snowflake.connector.connect", refuse)
    with pytest.raises(WarehouseError) as wrong:
        open_warehouse(project, env={"WEFT_TARGET": "snowflake", "ACCOUNT": "acme", "PASSWORD": "hunter2"})
    assert "Incorrect username or password" in wrong.value.what
    assert "SNOWFLAKE_PASSWORD" in wrong.value.fix
    assert "hunter2" not in str(wrong.value)
