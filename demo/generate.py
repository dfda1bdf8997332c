"""Writes the raw files of one day, block by block, so that memory does not grow with the number of people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from demo.batch import Batch
from demo.facts import Block
from demo.history import history
from demo.later import later
from demo.sources import consent, hubspot, klaviyo, pos, segment, shopify, zendesk
from demo.world import World
from demo.write import DayWriter, read_manifest, remove_from
from warehouse.errors import ConfigError

VERSION = 1  # raised whenever the same arguments would give other rows
BLOCK = 15_000
_SOURCES = (segment, shopify, hubspot, pos, klaviyo, zendesk, consent)


@dataclass(frozen=True, slots=True)
class Generated:
    """What a call did.

    Attributes:
        rows: Rows by table.
        written: False where the same day was there already.
    """

    rows: dict[str, int]
    written: bool


def generate(
    out: Path,
    *,
    people: int,
    day: int,
    seed: int,
    force: bool = False,
    block_size: int = BLOCK,
    progress: Callable[[int, int], None] | None = None,
) -> Generated:
    """Writes the files of one day.

    Args:
        out: The folder of the raw files.
        people: How many people there are on day 1.
        day: 1 for the history, 2 and up for what is new on a later day.
        seed: Decides everything.
        force: Replace files that were made from other arguments.
        block_size: People at a time; changes memory, never rows.
        progress: Called with the people done and the people in all.

    Raises:
        ConfigError: The folder holds data of another world, or the day before is missing.
    """
    if people < 1 or day < 1:
        raise ConfigError(
            "There must be at least one person and one day.",
            where=f"--people {people} --day {day}",
            fix="Use 1 or more.",
        )
    wanted = {"version": VERSION, "seed": seed, "people": people, "day": day}
    found = read_manifest(out, day)
    if found is not None and {key: found.get(key) for key in wanted} == wanted and not force:
        rows = found["rows"]
        return Generated(rows if isinstance(rows, dict) else {}, written=False)
    _check_neighbours(out, wanted, found, force)
    remove_from(out, day)
    world = World(seed, people)
    with DayWriter(out, day) as writer:
        everybody = world.population(day)
        for start in range(0, everybody, block_size):
            ids = np.arange(start, min(start + block_size, everybody), dtype=np.int64)
            writer.write(raw_rows(history(world, ids) if day == 1 else later(world, ids, day)))
            if progress:
                progress(int(ids[-1]) + 1, everybody)
        writer.commit(wanted)
    return Generated(writer.rows, written=True)


def raw_rows(block: Block) -> dict[str, pa.Table]:
    """All raw rows of a block, by table."""
    batch = Batch(block)
    for source in _SOURCES:
        source.write(block, batch)
    return batch.finish()


def _check_neighbours(out: Path, wanted: dict[str, int], found: dict[str, object] | None, force: bool) -> None:
    day = wanted["day"]
    world = {key: wanted[key] for key in ("version", "seed", "people")}
    if found is not None and not force:
        raise ConfigError(
            f"Day {day} is already there, made from seed {found.get('seed')} and {found.get('people')} people.",
            where=str(out),
            fix="Repeat those arguments, choose another folder, or replace the data with --force.",
        )
    if day > 1:
        before = read_manifest(out, day - 1)
        if before is None or {key: before.get(key) for key in world} != world:
            raise ConfigError(
                f"Day {day} needs the complete day {day - 1} of the same seed and people before it.",
                where=str(out),
                fix=f"Run `python -m demo generate --day {day - 1}` with the same --people and --seed first.",
            )
