"""The scratch on DuckDB: a file of its own, to which production is attached so that it can be read and not written."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

from sqlglot import exp

from diff.scratch import Scratch
from warehouse.base import Relation, Warehouse
from warehouse.duck import DuckWarehouse
from warehouse.errors import ConfigError, WarehouseError
from warehouse.sql import statement

_RELATIONS = """
select table_schema, table_name from information_schema.tables
where table_catalog = $database and table_schema <> $engine
"""
_REMOTE = ("md:", "motherduck:", "ducklake:", "s3:", "gs:", "http:", "https:")


class DuckScratch(Scratch):
    """A scratch in a DuckDB file."""

    def __post_init__(self) -> None:
        super().__post_init__()
        path = str(self.rendered.get("path", ":memory:"))
        if path == ":memory:" or path.startswith(_REMOTE):
            raise ConfigError(
                "Changes can be built beside a DuckDB file only.",
                where=f"profiles.yml, target {self.target}: path is {path.split('?')[0]}",
                fix="set the path to a file",
            )
        self.path = self.root / Path(path).expanduser()
        self.schema = str(self.rendered.get("schema", "main"))
        if not self.path.exists():
            raise WarehouseError(
                "There is no production build yet, so there is nothing to compare with.",
                where=str(self.path),
                fix="run `make demo`, or `dbt build` with your own data, or set WEFT_DUCKDB_PATH to the file you mean",
            )
        # As dbt-duckdb and DuckDB name the database of a file; a manifest from elsewhere may know it by another name.
        self.database = self.path.name.lstrip(".").split(".")[0]

    @property
    def file(self) -> Path:
        """The scratch's own file."""
        return self.folder / f"diff_{self.run}.duckdb"

    @property
    def place(self) -> str:
        """Where the scratch is."""
        return f"{self.file}; remove the folder {self.folder} to drop it"

    @property
    def names(self) -> Mapping[str, str]:
        """The scratch's database stands for production's."""
        return {self.file.stem: self.database}

    def base_profile(self) -> Path:
        """Compile beside an empty file of the same name, as two processes cannot open the scratch's."""
        folder = self.folder / "base_profile"
        output = {**self._plain, "path": str(folder / self.file.name), "attach": self._attached()}
        return self.write_profile(folder, output, self.folder / "base")

    def profile(self) -> Path:
        """Build in the scratch's file, with production attached to be read."""
        alias = self.database if self.database.isidentifier() else f'"{self.database}"'
        attached = [{"path": str(self.path), "alias": alias, "read_only": True}, *self._attached()]
        output = {**self._plain, "path": str(self.file), "attach": attached}
        return self.write_profile(self.folder / "profile", output)

    @property
    def _plain(self) -> dict[str, Any]:
        return {name: value for name, value in self.output.items() if name != "database"}

    def _attached(self) -> list[dict[str, Any]]:
        """Return what the profile attaches already, to be read only."""
        return [{**one, "read_only": True} for one in self.output.get("attach") or []]

    def open(self) -> Warehouse:
        """Open the scratch's file, with production attached to be read."""
        settings = self.rendered.get("settings")
        if not self.file.exists():
            import duckdb

            duckdb.connect(str(self.file)).close()
        warehouse = DuckWarehouse(str(self.file), self.schema, settings)
        try:
            warehouse.attach(str(self.path), self.database)
        except BaseException:
            warehouse.close()
            raise
        return warehouse

    def production(self, relation: Relation) -> Relation:
        """Return the relation in the attached database."""
        return Relation(relation.schema, relation.name, self.database)

    def know(self, database: str | None) -> None:
        """Attach production under the name that a manifest knows it by: its file may have another name here."""
        self.database = database or self.database

    def engine(self) -> str:
        """Return the schema of production's engine tables."""
        return f"{self.schema}_engine"

    def holds(self, relation: Relation) -> bool:
        """Tell whether a relation is in the scratch's file."""
        return relation.database in (None, self.file.stem)

    def create(self, warehouse: Warehouse, built_by_dbt: Set[Relation]) -> None:
        """Give raw tables, and whatever else dbt has not built, the names that models know them by.

        Models that are not built are read from production by dbt itself; of the rest, it expects all to be in the file
        that it builds in.
        """
        for row in warehouse.query(statement(_RELATIONS, {}, database=self.database, engine=self.engine())):
            here = Relation(row["table_schema"], row["table_name"])
            if here in built_by_dbt:
                continue
            self._schema(warehouse, here)
            everything = exp.select("*").from_(self.production(here).table())
            warehouse.execute(exp.Create(this=here.table(), kind="VIEW", expression=everything, exists=True))

    def copy(self, warehouse: Warehouse, source: Relation, into: Relation) -> None:
        """Copy a table."""
        self._schema(warehouse, into)
        everything = exp.select("*").from_(source.table())
        warehouse.execute(exp.Create(this=into.table(), kind="TABLE", expression=everything))

    def drop(self) -> None:
        """Nothing is anywhere but in the run's folder."""

    def drop_leftovers(self) -> list[str]:
        """Remove the folders of runs that were killed."""
        dropped = []
        for folder in self._abandoned():
            shutil.rmtree(folder, ignore_errors=True)
            dropped.append(folder.name)
        return dropped

    def _schema(self, warehouse: Warehouse, relation: Relation) -> None:
        schema = exp.Table(db=exp.to_identifier(relation.schema, quoted=True))
        warehouse.execute(exp.Create(this=schema, kind="SCHEMA", exists=True))
