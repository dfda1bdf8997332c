"""On Snowflake, too, what is built bit by bit is what a full build would make."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fakesnow.server import shared_fs

from tests.conftest import ROOT
from tests.profiles.conftest import World
from tests.profiles.growing import START, Growing
from tests.profiles.history import History
from warehouse.profile import open_warehouse

DATABASE = "growing"


class EmulatedWorld(World):
    """A world on the emulator, which shares this process: a test writes to and reads from the DuckDB behind it."""

    profiles = str(ROOT / "tests" / "snowflake")

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.environment = {**environment, "SNOWFLAKE_DATABASE": DATABASE}
        with open_warehouse(ROOT, env=self.environment):
            pass  # the first connection creates the database
        super().__init__(folder)

    def write(self, statement: str, parameters: Sequence[object] = ()) -> None:
        """Change the input tables, whose names are to be in capitals as Snowflake would have written them."""
        self._execute(statement.upper() if statement.startswith("create") else statement, parameters)

    def read(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query on what was built."""
        return self._execute(query)

    def _execute(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with shared_fs.duck_conn.cursor() as connection:
            connection.execute(f"use {DATABASE}.main")
            return connection.execute(statement, parameters or None).fetchall()


def test_a_history_that_is_built_bit_by_bit_ends_as_a_full_build(tmp_path: Path, snowflake: dict[str, str]) -> None:
    growing = Growing(EmulatedWorld(tmp_path, snowflake), History(seed=3, people=12, start=START))
    growing.history.live(2)
    growing.wait(35)
    growing.run()
    assert growing.news("profile_event_news").keys() >= {"changed", "gone"}
    assert growing.news("profile_trait_news")["events"] < 12
    growing.check()
