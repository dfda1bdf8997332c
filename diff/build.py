"""Building in the scratch: both versions compiled, and what a change reaches built by dbt, beside production."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from diff.git import Base, Repository
from diff.scope import Scope
from diff.scratch import Scratch
from diff.version import Version, compile_version
from warehouse.base import Relation, Warehouse
from warehouse.errors import ConfigError, WeftError
from warehouse.project import run_dbt

#: How the lines begin that name the model and its file, which the error does already.
_NAMING = ("Runtime Error in", "Database Error in", "Compilation Error in", "compiled code at")
_LINES = 12  #: of dbt's message
#: How the messages of errors begin that quote a value: that is left out.
_QUOTING = ("conversion error", "constraint error", "invalid input error", "out of range error", "100")


@dataclass(frozen=True, slots=True)
class Versions:
    """Both sides of a comparison.

    Attributes:
        base: What production was built from; its relations have production's names.
        head: The working tree; its relations are in the scratch.
    """

    base: Version
    head: Version


def compile_both(
    scratch: Scratch, base: Base | None, repository: Repository | None, state: Path | None, as_of: datetime
) -> Versions:
    """Return both versions, compiled for the same moment.

    Args:
        scratch: The scratch.
        base: The commit to compare with; not needed where ``state`` is given.
        repository: Where it is.
        state: A manifest of production in place of a commit.
        as_of: The moment.

    Raises:
        ConfigError: A version cannot be read or compiled.
    """
    settings = {"WEFT_AS_OF": as_of.isoformat()}
    head_settings = settings | {"DBT_PROFILES_DIR": str(scratch.profile())}
    words = "the working tree"
    if state is not None or repository is None or base is None:
        before = Version.read(state or Path())
        scratch.know(before.database())
        head_settings["DBT_PROFILES_DIR"] = str(scratch.profile())
        file = compile_version(scratch.root, scratch.folder / "head", head_settings, words)
        return Versions(before, Version.read(file, scratch.root, scratch.names))
    root = repository.unpack(base.commit, scratch.folder / "base")
    packages = scratch.root / "dbt_packages"
    if packages.is_dir() and not (root / "dbt_packages").exists():
        (root / "dbt_packages").symlink_to(packages)
    base_settings = settings | {"DBT_PROFILES_DIR": str(scratch.base_profile())}
    with ThreadPoolExecutor(2) as both:
        earlier = both.submit(compile_version, root, scratch.folder / "state", base_settings, f"the base, {base.label}")
        now = both.submit(compile_version, scratch.root, scratch.folder / "head", head_settings, words)
        head = Version.read(now.result(), scratch.root, scratch.names)
        return Versions(Version.read(_renamed(earlier.result(), scratch.names), root), head)


def _renamed(manifest: Path, names: Mapping[str, str]) -> Path:
    """Give the relations of a manifest production's names, by which dbt defers to them."""
    text = manifest.read_text(encoding="utf-8")
    for written, meant in names.items():
        text = text.replace(written, meant)
    manifest.write_text(text, encoding="utf-8")
    return manifest


def check_places(scratch: Scratch, versions: Versions, scope: Scope) -> None:
    """Make sure that whatever is going to be built is in the scratch.

    Raises:
        ConfigError: A model names its schema or database in a way that leaves production's own.
    """
    for name in sorted(scope.built):
        node = versions.head.nodes[name]
        place = Relation(node.relation.schema, node.relation.name, node.raw.get("database"))
        if versions.head.config(name).get("materialized") != "ephemeral" and not scratch.holds(place):
            raise ConfigError(
                f"The model {node.name!r} would be built in {place}, which is not in the scratch schema.",
                where=node.path,
                fix="derive its schema from target.schema, as dbt's own macro generate_schema_name does; "
                "nothing was built",
            )


def copy_kept(scratch: Scratch, warehouse: Warehouse, versions: Versions, scope: Scope) -> None:
    """Begin models that keep their rows with what production's tables hold."""
    for name in sorted(scope.copied):
        before = versions.base.nodes.get(name)
        if before is None:
            continue
        source = scratch.production(before.relation)
        if warehouse.columns(source):
            scratch.copy(warehouse, source, versions.head.nodes[name].relation)


def build(scratch: Scratch, versions: Versions, scope: Scope, as_of: datetime) -> None:
    """Let dbt build in the scratch what a change reaches; everything else it reads from production.

    Raises:
        WeftError: A model failed; the message is dbt's, with the file.
    """
    nodes = [versions.head.nodes[name] for name in sorted(scope.built)]
    selected = [".".join(node.raw["fqn"]) for node in nodes]
    state = versions.base.manifest.path.parent
    options = ["--defer", "--favor-state", "--state", str(state), "--resource-type", "model", "--resource-type", "seed"]
    settings = {"WEFT_AS_OF": as_of.isoformat(), "DBT_PROFILES_DIR": str(scratch.profile())}
    target = scratch.folder / "head"
    failure = run_dbt(scratch.root, "build", target, settings, [*options, "--select", *selected])
    if failure is not None:
        raise _failed(target / "run_results.json", versions.head, failure)


def _failed(results: Path, head: Version, failure: str) -> WeftError:
    try:
        told: Mapping[str, Any] = json.loads(results.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        told = {}
    wrong = [
        (head.nodes[one["unique_id"]], str(one.get("message") or ""))
        for one in told.get("results", ())
        if one.get("status") in ("error", "fail") and one.get("unique_id") in head.nodes
    ]
    if not wrong:
        return WeftError("dbt could not build the change.", where=failure, fix="mend what dbt names")
    names = ", ".join(node.name for node, _ in wrong)
    where = "\n         ".join(f"{node.path}: {_words(message)}" for node, message in wrong)
    return WeftError(
        f"dbt could not build {names}.", where=where, fix="mend the file; nothing was written to production"
    )


def _words(message: str) -> str:
    """Return dbt's message, without the values that the warehouse's may quote."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith(_NAMING)]
    kept = next((n for n, line in enumerate(said) if line.lower().startswith(_QUOTING)), None)
    if kept is not None:
        said = [*said[:kept], said[kept].split(":", 1)[0]]
    return "\n           ".join(said[:_LINES])
