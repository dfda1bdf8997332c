"""The demo's settings: where its files are, what ``.env`` says, and what every process that it starts is given."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from demo import clock
from warehouse.errors import ConfigError

HEADER = "# Written by weft's demo, and written again by every run. Remove this line to make the file your own."
_SECRETS = {
    "KLAVIYO_API_KEY": "pk_demo_weft",
    "HUBSPOT_TOKEN": "pat-demo-weft",
    "META_ACCESS_TOKEN": "demo-weft-token",
}
_VENDORS = ("klaviyo", "hubspot", "meta")


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the demo keeps things.

    Attributes:
        root: The project's folder.
        raw: The raw files.
        database: The DuckDB file.
        sandbox_state: What the simulated accounts hold.
        sandbox_port: Where they listen.
        env_file: The settings that the command line and Dagster read.
    """

    root: Path
    raw: Path
    database: Path
    sandbox_state: Path
    sandbox_port: int
    env_file: Path

    @classmethod
    def read(cls, root: Path) -> Settings:
        """Returns the defaults, moved by the environment where it says so.

        Raises:
            ConfigError: The port is not a number.
        """
        port = os.environ.get("WEFT_SANDBOX_PORT", "8420")
        if not port.isdecimal() or not 0 < int(port) < 65_536:
            raise ConfigError("WEFT_SANDBOX_PORT is not a port.", where=port, fix="Use a number from 1 to 65535.")
        return cls(
            root=root,
            raw=root / os.environ.get("WEFT_RAW", ".weft/raw"),
            database=root / os.environ.get("WEFT_DUCKDB_PATH", ".weft/warehouse.duckdb"),
            sandbox_state=root / os.environ.get("WEFT_SANDBOX_STATE", ".weft/sandbox.sqlite"),
            sandbox_port=int(port),
            env_file=root / os.environ.get("WEFT_ENV_FILE", ".env"),
        )

    @property
    def sandbox_url(self) -> str:
        """Where the simulated accounts answer."""
        return f"http://127.0.0.1:{self.sandbox_port}"

    @property
    def logs(self) -> Path:
        """Where the processes' own output goes."""
        return self.root / ".weft" / "logs"

    def variables(self, day: int) -> dict[str, str]:
        """What the models, the engine and the destinations need to know on a day of the demo."""
        return {
            "WEFT_TARGET": "duckdb",
            "WEFT_RAW": self._short(self.raw),
            "WEFT_DUCKDB_PATH": self._short(self.database),
            "WEFT_AS_OF": f"{clock.as_of(day):%Y-%m-%dT%H:%M:%SZ}",
            **{f"{vendor.upper()}_URL": f"{self.sandbox_url}/{vendor}" for vendor in _VENDORS},
            **_SECRETS,
        }

    def environment(self, day: int) -> dict[str, str]:
        """The environment of the processes that the demo starts.

        The demo's own values win over everything: invented people must never be sent to a real account whose key
        happens to be set.
        """
        home = os.environ.get("DAGSTER_HOME", str(self.root / ".weft" / "dagster"))
        return {**os.environ, **self.variables(day), "DAGSTER_HOME": home}

    def write_env(self, day: int) -> bool:
        """Writes ``.env``, unless it is the user's own file.

        Returns:
            Whether the file now holds the demo's settings.
        """
        if self.env_file.is_dir():
            return False
        if self.env_file.exists() and not self.env_file.read_bytes().startswith(HEADER.encode()):
            return False
        lines = [HEADER, *(f"{name}={value}" for name, value in self.variables(day).items())]
        temporary = self.env_file.with_name(f"{self.env_file.name}.{os.getpid()}")
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
        temporary.replace(self.env_file)
        return True

    def _short(self, path: Path) -> str:
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)
