"""Sealed plans: a plan that was looked at today is carried out later only if it is still the same plan.

The file holds counts, the price and a fingerprint of the rows, never a row or a key: it may lie in a ticket.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlglot import exp

from reverse_etl import tables
from reverse_etl.definitions import SyncDefinition
from reverse_etl.errors import ConfigError, PlanMoved
from reverse_etl.report import Plan
from warehouse.base import Warehouse
from warehouse.sql import md5_numbers

VERSION = 1
_AGAIN = "weft plan {} --out FILE"

# Sums do not care for an order, and two halves of MD5 leave no room for chance.
_DIGEST = """
select count(*) as count_rows, coalesce(sum($lower), 0) as lower, coalesce(sum($upper), 0) as upper
from (
    select concat_ws(chr(31), op, row_key, coalesce(row_hash, ''), coalesce(changed_columns, ''),
        coalesce(into_key, '')) as line
    from sync_plan where run_id = $run_id and op <> 'none'
) as lines
"""
_COUNTS = ("add", "change", "remove", "merge", "changed_by_mapping")


def digest(warehouse: Warehouse, run_id: str) -> str:
    """Return a fingerprint of the rows that a stored plan sends; the same for two plans that send the same."""
    lower, upper = md5_numbers(exp.column("line"), warehouse.dialect)
    [found] = tables.ask(warehouse, _DIGEST, run_id=run_id, lower=lower, upper=upper)
    parts = ":".join(str(int(found[name])) for name in ("count_rows", "lower", "upper"))
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


class Seal(BaseModel):
    """A plan, as the file holds it.

    Attributes:
        version: Of the file's form.
        sync: The sync's name.
        delivers_to: The place that it fills, in words.
        as_of: The plan's moment.
        sealed_at: When the file was written, UTC.
        resync: Whether the plan sends everything again.
        counts: Rows to send, by op, and those among them that change by mapping alone.
        removed_because: Why rows are removed.
        blocked: Rows kept back, by reason.
        feed_rows: Rows of the feed.
        price: API calls, minutes and billed units.
        guards: How the plan stood against the guards.
        digest: Fingerprint of the rows to send.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int
    sync: str
    delivers_to: str
    as_of: datetime
    sealed_at: datetime
    resync: bool
    counts: dict[str, int]
    removed_because: dict[str, int]
    blocked: dict[str, int]
    feed_rows: int
    price: dict[str, int | float | None]
    guards: list[dict[str, Any]]
    digest: str


def seal(plan: Plan, sync: SyncDefinition, at: datetime) -> Seal:
    """Return the seal of a plan."""
    told = plan.to_dict()
    return Seal(
        version=VERSION,
        sync=plan.sync,
        delivers_to=sync.delivers_to,
        as_of=plan.as_of,
        sealed_at=at,
        resync=plan.resync,
        counts={name: told[name] for name in _COUNTS},
        removed_because=plan.removed_because,
        blocked=plan.blocked,
        feed_rows=plan.feed_rows,
        price={name: told[name] for name in ("api_calls", "minutes", "billed_units")},
        guards=told["guards"],
        digest=plan.digest,
    )


def write(sealed: Seal, path: Path) -> None:
    """Write a seal to a file.

    Raises:
        ConfigError: The file cannot be written.
    """
    content = sealed.model_dump(mode="json")
    try:
        path.write_text(json.dumps(content | {"checksum": _checksum(content)}, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"The plan cannot be written: {error.strerror}.", where=str(path), fix="name a file that you may write"
        ) from error


def read(path: Path) -> Seal:
    """Return the seal in a file.

    Raises:
        ConfigError: There is no such file, it is not a sealed plan, it was changed since, or its version is not known.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"The sealed plan cannot be read: {error.strerror}.", where=str(path), fix=_AGAIN.format("SYNC")
        ) from error
    except ValueError as error:
        raise _damaged(path, "it is not JSON") from error
    if not isinstance(content, dict) or "version" not in content:
        raise _damaged(path, "it is not a sealed plan")
    if content["version"] != VERSION:
        raise ConfigError(
            f"The sealed plan is of version {str(content['version'])[:20]!r}, and this weft knows version {VERSION}.",
            where=str(path),
            fix=f"apply it with the weft that wrote it, or {_AGAIN.format('SYNC')}",
        )
    checksum = content.pop("checksum", None)
    if checksum != _checksum(content):
        raise _damaged(path, "it was changed after it was written")
    try:
        return Seal.model_validate(content)
    except ValidationError as error:
        raise _damaged(path, f"{error.error_count()} of its fields are not as they should be") from error


def belongs(sealed: Seal, sync: SyncDefinition) -> None:
    """Make sure that a seal is of a sync as it stands.

    Raises:
        ConfigError: It is of another sync, or the sync delivers to another place now.
    """
    if sealed.sync != sync.name or sealed.delivers_to != sync.delivers_to:
        raise ConfigError(
            f"The sealed plan is for {sealed.sync} to {sealed.delivers_to}, "
            f"and {sync.name} delivers to {sync.delivers_to}.",
            where=sync.where,
            fix=_AGAIN.format(sync.name),
        )


def check(plan: Plan, sealed: Seal) -> None:
    """Make sure that a plan sends what the sealed one would have sent.

    Raises:
        PlanMoved: It does not; the message says what moved, in counts.
    """
    if plan.digest == sealed.digest and plan.resync == sealed.resync:
        return
    told = plan.to_dict()
    moved = list(_moved(sealed.counts, {name: told[name] for name in _COUNTS}))
    moved += _moved({"feed rows": sealed.feed_rows}, {"feed rows": plan.feed_rows})
    moved += (f"kept back for {line}" for line in _moved(sealed.blocked, plan.blocked))
    raise PlanMoved(
        f"The plan of {plan.sync!r} is not the one that was sealed: "
        f"{'; '.join(moved) or 'the counts are the same, but other rows or values are behind them'}.",
        where=f"sealed {sealed.sealed_at:%Y-%m-%d %H:%M} UTC with digest {sealed.digest[:12]}, now {plan.digest[:12]}",
        fix=f"nothing was sent; look at the plan and seal it again: {_AGAIN.format(plan.sync)}",
    )


def _moved(before: Mapping[str, int], now: Mapping[str, int]) -> Iterator[str]:
    for name in dict.fromkeys((*before, *now)):
        if before.get(name, 0) != now.get(name, 0):
            yield f"{name.replace('_', ' ')} {before.get(name, 0):,} is now {now.get(name, 0):,}"


def _checksum(content: Mapping[str, Any]) -> str:
    plain = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()


def _damaged(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"The file is no sealed plan that can be applied: {why}.", where=str(path), fix=_AGAIN.format("SYNC")
    )
