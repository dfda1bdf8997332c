"""Where a table is: the settings of a connection, and how a warehouse is opened with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, Self

from pydantic import SecretStr, model_validator

from reverse_etl.destinations.base import Settings
from reverse_etl.errors import DestinationRefused
from warehouse.base import Relation, Warehouse

Engine = Literal["duckdb", "postgres", "snowflake"]

_NEEDS: dict[str, tuple[str, ...]] = {
    "duckdb": ("path",),
    "postgres": ("host", "database", "user"),
    "snowflake": ("account", "database", "user"),
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_OWN_MACHINE = ("localhost", "127.0.0.1", "::1")


class SqlSettings(Settings):
    """A database.

    Attributes:
        engine: What kind of database it is.
        create: Whether a table that is missing is created, with the key as its primary key.
        path: DuckDB's file.
        host: PostgreSQL's server; of Snowflake only where it is not the account's own address.
        port: Its port.
        protocol: How Snowflake is reached, for an emulator.
        database: The database.
        user: Who connects.
        password: The password.
        sslmode: How PostgreSQL's connection is encrypted; without, only to your own machine.
        account: Snowflake's account.
        role: The role there.
        warehouse: The warehouse there.
        private_key_file: A file with the key that signs in there, instead of a password.
        private_key_passphrase: What opens that file.
    """

    engine: Engine
    create: bool = False
    path: str = ""
    host: str = ""
    port: int | None = None
    protocol: Literal["https", "http"] = "https"
    database: str = ""
    user: str = ""
    password: SecretStr | None = None
    sslmode: Literal["disable", "require", "verify-ca", "verify-full"] = "require"
    account: str = ""
    role: str = ""
    warehouse: str = ""
    private_key_file: str = ""
    private_key_passphrase: SecretStr | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [name for name in _NEEDS[self.engine] if not getattr(self, name)]
        if missing:
            raise ValueError(f"{self.engine} needs {', '.join(missing)}")
        local = self.host in _OWN_MACHINE or self.host.startswith("/")
        if not local and (self.sslmode == "disable" or self.protocol == "http"):
            raise ValueError("a connection that is not encrypted leads to your own machine only")
        return self


def relation_of(target: str | None, settings: SqlSettings) -> Relation:
    """Return the table that a sync names as its target.

    Raises:
        DestinationRefused: It is not written as ``schema.table``.
    """
    parts = (target or "").split(".")
    most = 3 if settings.engine == "snowflake" else 2
    if not 2 <= len(parts) <= most or not all(_NAME.fullmatch(part) for part in parts):
        raise DestinationRefused(
            "The table is not named as schema.table.",
            where="the exposure's sync block, field target",
            fix="write the schema, a dot and the table; names are letters, digits and underscores",
        )
    *database, schema, name = parts
    if settings.engine == "snowflake":
        return Relation(schema, name, database[0] if database else settings.database)
    return Relation(schema, name)


@contextmanager
def opened(settings: SqlSettings, schema: str) -> Iterator[Warehouse]:
    """Open the database for a moment: a file or a session that is not in use is nobody's hindrance.

    Raises:
        WarehouseError: It cannot be reached, or does not let us in.
        ConfigError: A package for it is missing.
    """
    with _open(settings, schema) as warehouse:
        yield warehouse


def _open(settings: SqlSettings, schema: str) -> Warehouse:
    # Drivers take long to import, which only who uses them should wait for.
    password = settings.password.get_secret_value() if settings.password else None
    if settings.engine == "duckdb":
        from warehouse.duck import DuckWarehouse

        return DuckWarehouse(settings.path, schema, {"TimeZone": "UTC"})
    if settings.engine == "postgres":
        from warehouse.postgres import PostgresWarehouse

        local = settings.host in _OWN_MACHINE or settings.host.startswith("/")
        wanted: dict[str, Any] = {
            "host": settings.host,
            "port": settings.port,
            "dbname": settings.database,
            "user": settings.user,
            "password": password,
            "schema": schema,
            "sslmode": "prefer" if local and settings.sslmode == "require" else settings.sslmode,
        }
        return PostgresWarehouse({name: value for name, value in wanted.items() if value is not None})
    from warehouse.snow import SnowflakeWarehouse

    phrase = settings.private_key_passphrase
    return SnowflakeWarehouse(
        {
            "account": settings.account,
            "user": settings.user,
            "password": password,
            "role": settings.role,
            "warehouse": settings.warehouse,
            "database": settings.database,
            "schema": schema,
            "host": settings.host,
            "port": settings.port,
            "protocol": settings.protocol if settings.host else None,
            "private_key_path": settings.private_key_file,
            "private_key_passphrase": phrase.get_secret_value() if phrase else None,
        }
    )
