"""``connections.yml``: which accounts there are. Secrets come from the environment only."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr, ValidationError

from reverse_etl.destinations import registry
from reverse_etl.destinations.base import Destination, Settings
from reverse_etl.errors import ConfigError
from warehouse.project import environment_now

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")

Find = Callable[[str], type[Destination]]


@dataclass
class Connection:
    """One account at one vendor.

    Attributes:
        name: What exposures call it.
        destination_class: What kind of account it is.
        values: Its settings as the file has them, variables not yet filled in.
        where: The file.
        env: Fills in the variables.
        env_now: Returns the environment as it is by now, for keys that are renewed while a run is under way.
    """

    name: str
    destination_class: type[Destination]
    values: Mapping[str, Any] = field(repr=False)
    where: str
    env: Mapping[str, str] = field(repr=False)
    env_now: Callable[[], Mapping[str, str]] = field(default=environment_now, repr=False)
    _opened: Destination | None = field(default=None, repr=False)

    def settings(self) -> Settings:
        """Return the settings with every variable filled in.

        Raises:
            ConfigError: A variable is not set, or a value is not valid; it names connection, field and variable.
        """
        return self._filled(self.env)

    def settings_now(self) -> Settings:
        """Return the settings as somebody may have changed them since, in ``.env``.

        Raises:
            ConfigError: See :meth:`settings`.
        """
        return self._filled(self.env_now())

    def _filled(self, env: Mapping[str, str]) -> Settings:
        filled = {name: self._fill(name, value, env) for name, value in self.values.items()}
        try:
            return self.destination_class.settings_class(**filled)
        except ValidationError as error:
            problems = [_problem(item) for item in error.errors(include_input=False, include_url=False)]
            fields = ", ".join(self.destination_class.settings_class.model_fields)
            raise ConfigError(
                f"The connection {self.name!r} is not valid: {'; '.join(problems)}.",
                where=f"{self.where}, connections.{self.name}",
                fix=f"{self.destination_class.label} takes: {fields}",
            ) from None

    def open(self) -> Destination:
        """Return the destination, made once, so that everything that uses this connection shares one rate budget.

        Raises:
            ConfigError: See :meth:`settings`.
        """
        if self._opened is None:
            self._opened = self.destination_class.connect(self.settings(), reload=self.settings_now)
        return self._opened

    def _fill(self, name: str, value: Any, env: Mapping[str, str]) -> Any:
        if not isinstance(value, str):
            return value

        def replace(match: re.Match[str]) -> str:
            found = env.get(match["name"]) or match["default"]
            if found is None:
                raise ConfigError(
                    f"The connection {self.name!r} needs {match['name']}, which is not set.",
                    where=f"{self.where}, connections.{self.name}.{name}",
                    fix=f"set {match['name']} in the environment or in .env",
                )
            return found

        return _VARIABLE.sub(replace, value)


def load_connections(
    path: Path, env: Mapping[str, str] | None = None, find: Find = registry.get
) -> dict[str, Connection]:
    """Read the connections.

    Settings are filled in from the environment when a connection is used, so that a plan needs no secrets.

    Args:
        path: The file, usually ``connections.yml`` in the project.
        env: The environment; the process's own when left out.
        find: Returns the destination of a name.

    Raises:
        ConfigError: The file is missing or wrong, names an unknown destination or field, or holds a secret.
    """
    environment = os.environ if env is None else env
    env_now = environment_now if env is None else lambda: environment
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            "There is no connections file.",
            where=str(path),
            fix="create it, or set WEFT_CONNECTIONS to the one you mean",
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        raise ConfigError("The file is not valid YAML.", where=f"{path}{line}", fix="mend the indentation") from None
    entries = loaded.get("connections") if isinstance(loaded, dict) else None
    if not isinstance(entries, dict):
        raise ConfigError(
            "The file has no connections.", where=str(path), fix="put them under the key `connections:`, one name each"
        )
    found, problems = {}, []
    for name, entry in entries.items():
        try:
            destination, values = _entry(str(name), entry, path, find)
            found[str(name)] = Connection(str(name), destination, values, str(path), environment, env_now)
        except ConfigError as error:
            problems.append(error)
    if len(problems) > 1:
        raise ConfigError(
            f"{len(problems)} connections are wrong:\n" + "\n".join(f"- {problem}" for problem in problems),
            where=str(path),
        )
    if problems:
        raise problems[0]
    return found


def _entry(name: str, entry: Any, path: Path, find: Find) -> tuple[type[Destination], dict[str, Any]]:
    where = f"{path}, connections.{name}"
    if not isinstance(entry, dict) or "destination" not in entry:
        raise ConfigError(
            f"The connection {name!r} does not say its destination.", where=where, fix="add `destination:`"
        )
    try:
        destination = find(str(entry["destination"]))
    except ConfigError as error:
        raise ConfigError(error.what, where=f"{where}.destination", fix=error.fix) from None
    values = {str(key): value for key, value in entry.items() if key != "destination"}
    fields = destination.settings_class.model_fields
    for key, value in values.items():
        if key not in fields:
            raise ConfigError(
                f"{destination.label} has no setting {key!r}.", where=f"{where}.{key}", fix=f"use: {', '.join(fields)}"
            )
        if _is_secret(fields[key].annotation) and not _only_variable(value):
            variable = f"{name}_{key}".upper()
            raise ConfigError(
                "A secret stands in the file, where everybody who can read the project can read it.",
                where=f"{where}.{key}",
                fix=f"put it into the environment, write ${{{variable}}} here, and renew it: it has been seen",
            )
    return destination, values


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or SecretStr in getattr(annotation, "__args__", ())


def _only_variable(value: Any) -> bool:
    match = _VARIABLE.fullmatch(value) if isinstance(value, str) else None
    return match is not None and match["default"] is None


def _problem(item: Any) -> str:
    message = str(item["msg"]).removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    return ": ".join(part for part in (".".join(str(part) for part in item["loc"]), message) if part)
