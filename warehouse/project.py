"""The dbt project on disk: where it is, its settings from ``.env``, and a manifest that is never stale.

dbt is run as a command and never imported. A parse takes seconds, so it happens only when something that the manifest
depends on has changed since the last one: a file of the project, or a variable that the project reads.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values, load_dotenv
from dotenv.parser import parse_stream

from warehouse.errors import ConfigError
from warehouse.profile import read_output

_BESIDE = Path(__file__).resolve().parent.parent

#: What dbt reads. ``packs`` stands for the folder that ``WEFT_PACKS`` names.
_FILES = ("dbt_project.yml", "profiles.yml")
_FOLDERS = ("models", "macros", "seeds", "tests/dbt")
_SUFFIXES = frozenset({".sql", ".yml", ".yaml", ".csv", ".md"})
#: Variables whose value ends up in the manifest, as relation names, file locations or what is switched on.
_VARIABLES = ("WEFT_TARGET", "WEFT_RAW", "WEFT_DUCKDB_PATH", "WEFT_PACKS", "SNOWFLAKE_DATABASE", "SNOWFLAKE_SCHEMA")

#: Set for this process and those that it starts: which file was read, and digests of the values that came from it. A
#: value that has another digest by now was set by somebody else, and is theirs.
_READ = "WEFT_ENV_FILE_READ"


def project_root() -> Path:
    """Return the folder of the dbt project: the current one if it holds a project, else the one that weft runs from."""
    here = Path.cwd()
    return here if (here / "dbt_project.yml").exists() else _BESIDE


def load_settings(root: Path) -> None:
    """Read ``.env`` in the project's root. A variable that is already set wins.

    Raises:
        ConfigError: It is not text, or a line of it is not a setting. Going on without what it says might deliver to
            another account than the one that was meant.
    """
    file = root / ".env"
    text = _settings_text(file)
    if text is None:
        return
    before = dict(os.environ)
    load_dotenv(stream=StringIO(text), override=False)
    read = {name: _digest(value) for name, value in os.environ.items() if name not in before}
    os.environ[_READ] = json.dumps({"file": str(file), "variables": {**_earlier(file), **read}})


def environment_now() -> Mapping[str, str]:
    """Return the environment with the variables that came from ``.env`` as the file has them by now.

    What the environment itself sets stays, whatever the file says, as it does at the start of a run.

    Raises:
        ConfigError: The file is not text, or a line of it is not a setting.
    """
    came_from = json.loads(os.environ.get(_READ, "{}"))
    text = _settings_text(Path(came_from["file"])) if came_from else None
    if text is None:
        return os.environ
    read = came_from["variables"]
    return os.environ | {
        name: value
        for name, value in dotenv_values(stream=StringIO(text)).items()
        if value is not None and (name not in os.environ or read.get(name) == _digest(os.environ[name]))
    }


def _earlier(file: Path) -> dict[str, str]:
    """Return what the process that started this one had from the same file."""
    came_from = json.loads(os.environ.get(_READ, "{}"))
    found: dict[str, str] = came_from["variables"] if came_from.get("file") == str(file) else {}
    return found


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:16]


def _settings_text(file: Path) -> str | None:
    if not file.is_file():
        return None
    mend = "Write one NAME=value per line, in UTF-8, with quotes closed; comments begin with #."
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError("The settings file is not text.", where=str(file), fix=mend) from None
    broken = [found.original.line for found in parse_stream(StringIO(text)) if found.error]
    if broken:
        lines = ", ".join(str(line) for line in broken[:5])
        raise ConfigError("The settings file has a line that is no setting.", where=f"{file}, line {lines}", fix=mend)
    return text


def manifest_path(root: Path) -> Path:
    """Return where the dbt manifest is: ``WEFT_MANIFEST``, or ``target/manifest.json``."""
    return root / os.environ.get("WEFT_MANIFEST", "target/manifest.json")


def connections_path(root: Path) -> Path:
    """Return where the destination accounts are described: ``WEFT_CONNECTIONS``, or ``connections.yml``."""
    return root / os.environ.get("WEFT_CONNECTIONS", "connections.yml")


def dbt_executable() -> str:
    """Return the dbt command of this Python environment.

    Raises:
        ConfigError: There is none.
    """
    beside = Path(sys.executable).with_name("dbt")
    found = str(beside) if beside.exists() else shutil.which("dbt")
    if found is None:
        raise ConfigError(
            "The dbt command was not found.",
            where=str(beside),
            fix="Install weft's requirements: pip install -r requirements.lock",
        )
    return found


def run_moment() -> datetime:
    """Return the run's moment in UTC, without a zone: ``WEFT_AS_OF``, or now.

    Raises:
        ConfigError: ``WEFT_AS_OF`` is not an ISO 8601 timestamp.
    """
    given = os.environ.get("WEFT_AS_OF", "").strip()
    return read_moment(given, "WEFT_AS_OF", "the environment or .env") if given else utc_now()


def utc_now() -> datetime:
    """Return the moment by the clock, in UTC without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def read_moment(given: str, name: str, where: str) -> datetime:
    """Return the moment that somebody wrote, in UTC without a zone.

    Raises:
        ConfigError: It is not an ISO 8601 timestamp.
    """
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise ConfigError(
            f"{name} is not an ISO 8601 timestamp.", where=where, fix="Write it like 2026-07-01T00:00:00Z."
        ) from None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def prepare_manifest(root: Path) -> Path:
    """Parse the project if the manifest is missing or out of date.

    Returns:
        The path of a manifest that fits the project's files and settings.

    Raises:
        WarehouseError: The profile is missing or wrong. dbt would say so too, but quote the file, password and all.
        ConfigError: dbt could not parse the project, the message is dbt's own.
    """
    read_output(root, None, os.environ)
    manifest = manifest_path(root)
    stamp = manifest.with_name("manifest.stamp")
    current = fingerprint(root)
    if manifest.exists() and _is_current(root, manifest, stamp, current):
        return manifest
    failure = run_dbt(root, "parse", manifest.parent)
    if failure is not None:
        raise ConfigError(
            "dbt could not read the project.",
            where=failure,
            fix="Mend the file that dbt names, then run the command again.",
        )
    stamp.write_text(current)
    return manifest


def run_dbt(
    root: Path, command: str, target: Path, settings: Mapping[str, str] | None = None, options: Sequence[str] = ()
) -> str | None:
    """Run a dbt command that writes to a folder of its own.

    Args:
        root: The project's folder.
        command: Such as ``parse``.
        target: The folder for the manifest and the log.
        settings: Environment variables to set for it.
        options: Further options of that command.

    Returns:
        What dbt said when it failed; else nothing.
    """
    words = [dbt_executable(), "--no-use-colors", "--quiet", command, "--target-path", str(target)]
    words += ["--log-path", str(target), "--project-dir", str(root), *options]
    environment = os.environ | dict(settings or {})
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False, env=environment)  # noqa: S603 - no shell, our own words
    return None if done.returncode == 0 else _reason(done.stdout) or _reason(done.stderr) or f"dbt {command}"


def _is_current(root: Path, manifest: Path, stamp: Path, current: str) -> bool:
    """Tell whether the manifest still fits. Without our stamp somebody else's dbt wrote it: then its age decides."""
    if stamp.exists() and stamp.stat().st_mtime_ns >= manifest.stat().st_mtime_ns:
        return stamp.read_text() == current
    written = manifest.stat().st_mtime_ns
    return all(path.stat().st_mtime_ns <= written for path in _project_files(root))


def _project_files(root: Path) -> Iterator[Path]:
    yield from (root / name for name in _FILES)
    for folder in (*_FOLDERS, os.environ.get("WEFT_PACKS", "packs")):
        yield from (path for path in sorted((root / folder).rglob("*")) if path.suffix in _SUFFIXES)


def fingerprint(root: Path) -> str:
    """Return a text that changes with the project's files, and with the settings that end up in the manifest."""
    digest = hashlib.sha256()
    for name in _VARIABLES:
        digest.update(f"{name}={os.environ.get(name, '')}\n".encode())
    for path in _project_files(root):
        state = path.stat()
        digest.update(f"{path} {state.st_mtime_ns} {state.st_size}\n".encode())
    return digest.hexdigest()


def _reason(output: str) -> str:
    """Return what dbt says after its "Encountered an error", on one indented block."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    marker = next((number for number, line in enumerate(lines) if "Encountered an error" in line), -1)
    return "\n         ".join(lines[marker + 1 :][:12])
