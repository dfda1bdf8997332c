"""The scratch on Snowflake: schemas of its own in production's database, and clones, which copy nothing, in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from datetime import timedelta
from pathlib import Path

from sqlglot import exp

from diff.scratch import Scratch, made_at
from reverse_etl.place import Place
from warehouse.base import Relation, Warehouse
from warehouse.snow import SnowflakeWarehouse
from warehouse.sql import statement

_OWNERS = "diff_owner"  #: the table by which a left-over scratch is told from one in use
_OWNER = "select owner, pid, keep from diff_owner"
#: Of another machine it cannot be seen whether a run has ended; none takes as long as this.
_LONGEST = timedelta(hours=24)


class SnowScratch(Scratch):
    """A scratch in schemas of the same database, whose names begin with production's schema and the run's name."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.production_schema = str(self.rendered.get("schema", ""))
        self.database = str(self.rendered.get("database", ""))

    @property
    def prefix(self) -> str:
        """What the names of all scratch schemas begin with."""
        return f"{self.production_schema}_diff_"

    @property
    def schema(self) -> str:
        """The schema that dbt derives the others' names from."""
        return f"{self.prefix}{self.run}"

    @property
    def place(self) -> str:
        """Where the scratch is."""
        return f"the schemas of {self.database} that begin with {self.schema}; drop them when you are done"

    @property
    def names(self) -> Mapping[str, str]:
        """The scratch's schema stands for production's."""
        return {self.schema: self.production_schema}

    def base_profile(self) -> Path:
        """Compile under the scratch's name: that reads, and writes nothing."""
        output = {**self.output, "schema": self.schema}
        return self.write_profile(self.folder / "base_profile", output, self.folder / "base")

    def profile(self) -> Path:
        """Build in the scratch's schemas."""
        return self.write_profile(self.folder / "profile", {**self.output, "schema": self.schema})

    def open(self) -> Warehouse:
        """Open a session whose own schema is the scratch's."""
        return SnowflakeWarehouse({**self.rendered, "schema": self.schema})

    def production(self, relation: Relation) -> Relation:
        """Return the relation: it is in the same database."""
        return relation if relation.database else Relation(relation.schema, relation.name, self.database)

    def know(self, database: str | None) -> None:
        """A manifest names Snowflake's databases as they are."""

    def engine(self) -> str:
        """Return the schema of production's engine tables."""
        return f"{self.production_schema}_engine"

    def holds(self, relation: Relation) -> bool:
        """Tell whether a relation is in one of the scratch's schemas."""
        database, schema = (relation.database or self.database).lower(), relation.schema.lower()
        own = self.schema.lower()
        return database == self.database.lower() and (schema == own or schema.startswith(f"{own}_"))

    def create(self, warehouse: Warehouse, built_by_dbt: Set[Relation]) -> None:
        """Create the schema, with who it belongs to."""
        place = Place.here()
        self._create_schema(warehouse, self.schema)
        columns = {"owner": "varchar", "pid": "bigint", "keep": "boolean"}
        owners = Relation(self.schema, _OWNERS, self.database)
        table = exp.Schema(
            this=owners.table(),
            expressions=[
                exp.ColumnDef(this=exp.to_identifier(name), kind=exp.DataType.build(kind))
                for name, kind in columns.items()
            ],
        )
        warehouse.execute(exp.Create(this=table, kind="TABLE"))
        warehouse.insert(owners, list(columns), [(place.owner(), place.pid, self.keep)])

    def copy(self, warehouse: Warehouse, source: Relation, into: Relation) -> None:
        """Clone a table."""
        self._create_schema(warehouse, into.schema)
        # dbt's own tables are transient, of which Snowflake makes no permanent clone.
        transient = exp.Properties(expressions=[exp.TransientProperty()])
        clone = exp.Clone(this=source.table())
        warehouse.execute(exp.Create(this=into.table(), kind="TABLE", clone=clone, properties=transient))

    def drop(self) -> None:
        """Drop every schema of this run; the one that names the owner last."""
        with self.open() as warehouse:
            self._drop(warehouse, self.run)

    def drop_leftovers(self) -> list[str]:
        """Drop the schemas of runs that were killed."""
        for _ in map(self._remove, self._abandoned()):
            pass
        with self.open() as warehouse:
            runs = sorted({name for schema in self._schemas(warehouse) if (name := self._run_of(schema))})
            dropped = [run for run in runs if self._is_abandoned(warehouse, run)]
            for run in dropped:
                self._drop(warehouse, run)
        return dropped

    @staticmethod
    def _remove(folder: Path) -> None:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)

    def _run_of(self, schema: str) -> str:
        """Return the run that a schema belongs to, or nothing."""
        run = schema.lower().removeprefix(self.prefix.lower())[:24]
        return run if made_at(run) and schema.lower().startswith(self.prefix.lower()) else ""

    def _is_abandoned(self, warehouse: Warehouse, run: str) -> bool:
        owners = Relation(f"{self.prefix}{run}", _OWNERS, self.database)
        if warehouse.columns(owners):
            for row in warehouse.query(statement(_OWNER, {_OWNERS: owners})):
                if row["keep"]:
                    return False
                if Place.here().has_ended(str(row["owner"]), int(row["pid"])):
                    return True
        made = made_at(run)
        return made is not None and self.at - made > _LONGEST

    def _schemas(self, warehouse: Warehouse) -> Iterator[str]:
        known = {"schemata": Relation("information_schema", "schemata", self.database)}
        for row in warehouse.query(statement("select schema_name from schemata", known)):
            yield str(row["schema_name"])

    def _drop(self, warehouse: Warehouse, run: str) -> None:
        found = [schema for schema in self._schemas(warehouse) if self._run_of(schema) == run]
        for schema in sorted(found, key=len, reverse=True):
            place = self._schema_table(schema)
            warehouse.execute(exp.Drop(tables=[place], kind="SCHEMA", exists=True, cascade=True))

    def _create_schema(self, warehouse: Warehouse, schema: str) -> None:
        warehouse.execute(exp.Create(this=self._schema_table(schema), kind="SCHEMA", exists=True))

    def _schema_table(self, schema: str) -> exp.Table:
        return exp.Table(db=exp.to_identifier(schema), catalog=exp.to_identifier(self.database))
