"""One scoring: records out of the warehouse, a model learned or read, pairs weighed and written back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from identity.probable import blocking, model, pairs, records, scratch
from identity.probable.model import Model
from identity.probable.settings import Settings
from warehouse.base import Relation, Warehouse
from warehouse.errors import ConfigError

if TYPE_CHECKING:
    import duckdb

_PAGE = 50_000
_RECIPE = 1  # of the comparisons and keys in the code: a change of them is another model
_ENOUGH = 20  # records; with fewer nothing can be told from chance
_DIFFERENT = 2  # values of an attribute: one that is the same everywhere tells nobody apart
# Where a stated link ties two records to one person, a probable one adds nothing. Whom a probable link holds together
# today might fall apart without it, so their pairs are kept.
_FOUND = """
with found as (
    select
        a.identifier_type as type_a, a.identifier_value as value_a,
        b.identifier_type as type_b, b.identifier_value as value_b, match_probability
    from {scored}
    inner join records as a on least(record_l, record_r) = a.record
    inner join records as b on greatest(record_l, record_r) = b.record
    where a.person <> b.person or a.is_glued
)

select type_a, value_a, type_b, value_b, round(match_probability, 6) from found
order by type_a, value_a, type_b, value_b
"""


@dataclass(frozen=True, slots=True)
class Report:
    """What a scoring did.

    Attributes:
        model_version: The model that scored.
        is_new: Whether it was trained now.
        records: How many records were compared.
        is_partial: Whether there were more, which max_records left out.
        compared: The attributes that count.
        left_out: The attributes that do not, each with the reason.
        keys: How pairs were found: what had to agree, the pairs that it made, and whether it was used.
        written: What is in identity_probable_pairs now.
    """

    model_version: str
    is_new: bool
    records: int
    is_partial: bool
    compared: tuple[str, ...]
    left_out: Mapping[str, str]
    keys: tuple[blocking.Key, ...]
    written: pairs.Written

    def to_dict(self) -> dict[str, Any]:
        """Return it as it is printed as JSON."""
        return asdict(self)


def score(
    connect: Callable[[], AbstractContextManager[Warehouse]],
    relations: Mapping[str, Relation],
    settings: Settings,
    at: datetime,
    *,
    version: str | None = None,
    duckdb_settings: Mapping[str, Any] | None = None,
) -> Report:
    """Train a model, or take one that was kept, score with it and write the pairs.

    The warehouse is open while records are read and while pairs are written, and closed in between, so that others can
    use a DuckDB file meanwhile.

    Args:
        connect: Opens the warehouse.
        relations: Where the tables are, as :func:`identity.probable.settings.locate` returns them.
        settings: What is compared, and how far.
        at: The moment, in UTC.
        version: A model that was kept, to score with it again; a new one is trained when left out.
        duckdb_settings: DuckDB settings of the dbt profile.

    Raises:
        ConfigError: Splink is missing, nothing was built yet, there is no such model, or too little to learn from.
        WarehouseError: The warehouse refused a statement, or there was no room to compare.
    """
    trained_with = model.require()
    with scratch.open_scratch(duckdb_settings or {}) as connection:
        with connect() as warehouse:
            check_built(warehouse, relations)
            kept = pairs.read_model(warehouse, relations, version) if version else None
            compare = dict(kept.compare if kept else settings.compare)
            # One more than may be, to know whether there are more.
            arriving = records.fetch(warehouse, relations, tuple(compare), settings.max_records + 1)
            count, is_partial = scratch.load(connection, compare, arriving, settings.max_records)
        if count < _ENOUGH:
            raise ConfigError(
                f"There are {count} records to compare, which is too few to learn from.",
                where=str(relations["traits"]),
                fix="A record is an identifier of which two attributes of identity_probable: compare are known.",
            )
        left_out: dict[str, str] = {}
        learned = kept
        if learned is None:
            learned, left_out = _learn(connection, compare)
            version = _version(learned.compare, scratch.fingerprint(connection, compare), trained_with, at)
        keys = blocking.add_keys(connection, learned.compare, settings.max_pairs)
        found = _pairs(connection, model.score(connection, learned, keys, settings.review_from))
        with connect() as warehouse, warehouse.transaction():
            written = pairs.replace(warehouse, relations, found, str(version), at, settings.threshold)
            if kept is None:
                pairs.keep_model(warehouse, relations, str(version), learned, at, trained_with, count)
    return Report(
        model_version=str(version),
        is_new=kept is None,
        records=count,
        is_partial=is_partial,
        compared=tuple(learned.compare),
        left_out=left_out,
        keys=tuple(keys),
        written=written,
    )


def check_built(warehouse: Warehouse, relations: Mapping[str, Relation]) -> None:
    """Return when the tables of probable links are there.

    Raises:
        ConfigError: They have not been built yet.
    """
    for name in ("identity_probable_pairs", "identity_probable_models", "identity_map"):
        if not warehouse.columns(relations[name]):
            raise ConfigError(
                "The identity models have not been built here yet.", where=str(relations[name]), fix="Run `dbt build`."
            )


def _learn(connection: duckdb.DuckDBPyConnection, compare: Mapping[str, str]) -> tuple[Model, dict[str, str]]:
    """Return a model, and the attributes that are not part of it with the reason."""
    left_out = {}
    for name in compare:
        records_known, values = scratch.known(connection, name)
        if values < _DIFFERENT:
            left_out[name] = f"{records_known} records have it, with {values} different values"
    usable = {name: kind for name, kind in compare.items() if name not in left_out}
    learned = model.train(connection, usable)
    for name in usable:
        if name not in learned.compare:
            left_out[name] = "too few pairs that are surely one person have it on both sides"
    return learned, left_out


def _version(compare: Mapping[str, str], fingerprint: str, trained_with: str, at: datetime) -> str:
    """Return the day and a hash of all that a model is made of: the same data on the same day is the same version."""
    made_of = json.dumps([dict(compare), fingerprint, trained_with, _RECIPE])
    return f"{at:%Y%m%d}-{hashlib.sha256(made_of.encode()).hexdigest()[:8]}"


def _pairs(connection: duckdb.DuckDBPyConnection, scored: str) -> Iterator[pairs.Scored]:
    cursor = connection.execute(_FOUND.format(scored=scored))
    while rows := cursor.fetchmany(_PAGE):
        for row in rows:
            yield pairs.Scored(*row)
