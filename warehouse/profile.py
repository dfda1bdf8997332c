"""Connections from the dbt profile, so that dbt and the engine always mean the same warehouse."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import yaml

from warehouse.base import Warehouse
from warehouse.errors import WarehouseError


def open_warehouse(
    project_dir: Path | None = None, target: str | None = None, env: Mapping[str, str] | None = None
) -> Warehouse:
    """Open the warehouse that the dbt project's profile names.

    ``profiles.yml`` is looked for where dbt looks: in ``DBT_PROFILES_DIR``, in the project, then in ``~/.dbt``.

    Args:
        project_dir: The folder of ``dbt_project.yml``; the current folder when left out.
        target: The output to use; else ``WEFT_TARGET`` through the profile's own ``target``.
        env: The environment; the process's own when left out.

    Returns:
        An open connection, to be used as a context manager.

    Raises:
        WarehouseError: The profile is missing or wrong, or the warehouse cannot be reached.
    """
    project = (project_dir or Path.cwd()).resolve()
    output, where = read_output(project, target, os.environ if env is None else env)
    kind = output.get("type")
    if kind == "duckdb":
        from warehouse.duck import DuckWarehouse

        path = str(output.get("path", ":memory:"))
        located = path if path == ":memory:" else str(project / Path(path).expanduser())
        return DuckWarehouse(located, str(output.get("schema", "main")), output.get("settings"))
    if kind == "snowflake":
        # The connector takes a second to import, which nobody on DuckDB should wait for.
        from warehouse.snow import SnowflakeWarehouse

        return SnowflakeWarehouse(output)
    raise WarehouseError(f"weft does not know warehouses of type {kind!r}.", where=where, fix="use duckdb or snowflake")


def read_output(project: Path, target: str | None, env: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """Return the chosen output of the profile with its Jinja rendered, and where it was found.

    Raises:
        WarehouseError: A file, the profile, the target or an environment variable is missing.
    """
    chosen, raw, file = _chosen(project, target, env)
    rendered: dict[str, Any] = _render(raw, env, file)
    return rendered, f"{file}, target {chosen}"


def unrendered_output(project: Path, env: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """Return the name of the chosen target and its output as it is written: secrets are still names of variables.

    Raises:
        WarehouseError: A file, the profile, the target or an environment variable is missing.
    """
    chosen, raw, _ = _chosen(project, None, env)
    return chosen, raw


def _chosen(project: Path, target: str | None, env: Mapping[str, str]) -> tuple[str, dict[str, Any], Path]:
    name = profile_name(project)
    file = _profiles_file(project, env)
    profile = _load(file).get(name)
    if not isinstance(profile, dict):
        raise WarehouseError(
            f"There is no profile {name!r}.",
            where=str(file),
            fix=f"add it, or name another in {project / 'dbt_project.yml'}",
        )
    chosen = target or str(_render(profile.get("target", "default"), env, file))
    outputs = profile.get("outputs") or {}
    if chosen not in outputs:
        raise WarehouseError(
            f"There is no target {chosen!r} in the profile {name!r}.",
            where=str(file),
            fix=f"set WEFT_TARGET to one of: {', '.join(sorted(outputs))}",
        )
    return chosen, dict(outputs[chosen]), file


def profile_name(project: Path) -> str:
    """Return the name of the profile that the dbt project asks for.

    Raises:
        WarehouseError: There is no dbt project.
    """
    file = project / "dbt_project.yml"
    if not file.exists():
        raise WarehouseError(
            "This is not a dbt project.", where=str(project), fix="run weft in the folder that holds dbt_project.yml"
        )
    return str(_load(file).get("profile", "weft"))


def _profiles_file(project: Path, env: Mapping[str, str]) -> Path:
    folders = [Path(env["DBT_PROFILES_DIR"])] if env.get("DBT_PROFILES_DIR") else [project, Path.home() / ".dbt"]
    for folder in folders:
        if (folder / "profiles.yml").exists():
            return folder / "profiles.yml"
    raise WarehouseError(
        "There is no profiles.yml.",
        where=" or ".join(str(folder) for folder in folders),
        fix="restore the one that comes with weft, or set DBT_PROFILES_DIR to yours",
    )


def _load(file: Path) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        # Without the cause: it quotes the file, which may hold a password.
        raise WarehouseError("The file is not valid YAML.", where=f"{file}{line}", fix="mend the indentation") from None
    return loaded if isinstance(loaded, dict) else {}


def _render(value: Any, env: Mapping[str, str], file: Path) -> Any:
    """Render ``{{ env_var(...) }}`` in every text of a value, and read the result as YAML would, as dbt does."""
    if isinstance(value, dict):
        return {key: _render(item, env, file) for key, item in value.items()}
    if isinstance(value, list):
        return [_render(item, env, file) for item in value]
    if not isinstance(value, str) or "{" not in value:
        return value

    def env_var(name: str, default: str | None = None) -> str:
        found = env.get(name, default)
        if found is None:
            raise WarehouseError(
                f"The environment variable {name} is not set.", where=str(file), fix=f"set {name}, or give it a default"
            )
        return found

    engine = jinja2.Environment(undefined=jinja2.StrictUndefined)  # noqa: S701 - this renders settings, not a page
    engine.filters |= {"as_number": float, "as_bool": lambda text: str(text).lower() == "true", "as_text": str}
    try:
        return engine.from_string(value).render(env_var=env_var)
    except jinja2.TemplateError as error:
        raise WarehouseError(
            f"The profile cannot be rendered: {error}", where=str(file), fix="mend the expression"
        ) from error
