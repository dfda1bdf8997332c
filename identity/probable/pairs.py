"""Scored pairs in the warehouse: written by one scoring in one transaction, and what people decided about them kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from identity.probable.model import Model
from warehouse.base import Relation, Warehouse
from warehouse.errors import ConfigError
from warehouse.sql import statement

Decision = Literal["accepted", "rejected"]

_COLUMNS = (
    *("type_a", "value_a", "type_b", "value_b", "model_version", "weight", "scored_at"),
    *("decision", "decided_by", "decided_at"),
)
_DROP = "delete from identity_probable_pairs where decision is null"
_DECIDED = """
select type_a, value_a, type_b, value_b, model_version, weight, scored_at, decision, decided_by, decided_at
from identity_probable_pairs
where (type_a, value_a) not in (select identifier_type, identifier_value from erased_identifiers)
    and (type_b, value_b) not in (select identifier_type, identifier_value from erased_identifiers)
"""
_ALL_DECIDED = _DECIDED.split("where", 1)[0]
_EMPTY = "delete from identity_probable_pairs"
_FORGET_MODEL = "delete from identity_probable_models where model_version = $version"
_MODEL_COLUMNS = ("model_version", "trained_at", "trained_with", "count_records", "settings")
_MODEL = "select settings from identity_probable_models where model_version = $version"
_VERSIONS = "select model_version from identity_probable_models order by trained_at desc limit 5"


@dataclass(frozen=True, slots=True)
class Scored:
    """A pair of identifiers and the probability that both are one person's; (type_a, value_a) is the smaller."""

    type_a: str
    value_a: str
    type_b: str
    value_b: str
    weight: float

    @property
    def pair(self) -> tuple[str, str, str, str]:
        """The two identifiers."""
        return self.type_a, self.value_a, self.type_b, self.value_b


@dataclass(slots=True)
class Written:
    """What one scoring wrote.

    Attributes:
        pairs: All pairs, decided ones among them.
        linking: Undecided pairs that link by themselves, where probable links count.
        waiting: Undecided pairs that wait for a person.
        accepted: Pairs that a person accepted, in this scoring or an earlier one.
        rejected: Pairs that a person rejected.
    """

    pairs: int = 0
    linking: int = 0
    waiting: int = 0
    accepted: int = 0
    rejected: int = 0


def replace(
    warehouse: Warehouse,
    relations: Mapping[str, Relation],
    scored: Iterable[Scored],
    version: str,
    at: datetime,
    threshold: float,
) -> Written:
    """Put the pairs of one scoring in the place of the last one's; call it in a transaction.

    A decision stays with its pair, also where the new scoring does not find it: then with its last weight.
    """
    # First, because it locks out whoever would decide on Snowflake until all of it is done.
    warehouse.execute(statement(_DROP, relations))
    kept = _DECIDED if "erased_identifiers" in relations else _ALL_DECIDED
    decided = {
        (row["type_a"], row["value_a"], row["type_b"], row["value_b"]): row
        for row in warehouse.query(statement(kept, relations))
    }
    warehouse.execute(statement(_EMPTY, relations))
    written = Written()
    rows = _rows(scored, decided, version, at, threshold, written)
    warehouse.insert(relations["identity_probable_pairs"], _COLUMNS, rows)
    return written


def _rows(
    scored: Iterable[Scored],
    decided: dict[tuple[str, str, str, str], dict[str, Any]],
    version: str,
    at: datetime,
    threshold: float,
    written: Written,
) -> Iterator[tuple[Any, ...]]:
    for each in scored:
        held = decided.pop(each.pair, None)
        written.pairs += 1
        if held is None:
            written.linking += each.weight >= threshold
            written.waiting += each.weight < threshold
            yield (*each.pair, version, each.weight, at, None, None, None)
        else:
            _count(written, held["decision"])
            yield (*each.pair, version, each.weight, at, held["decision"], held["decided_by"], held["decided_at"])
    for held in decided.values():
        written.pairs += 1
        _count(written, held["decision"])
        yield tuple(held[name] for name in _COLUMNS)


def _count(written: Written, decision: str) -> None:
    written.accepted += decision == "accepted"
    written.rejected += decision == "rejected"


def keep_model(
    warehouse: Warehouse,
    relations: Mapping[str, Relation],
    version: str,
    model: Model,
    at: datetime,
    trained_with: str,
    records: int,
) -> None:
    """Write a model, in the place of the same version."""
    warehouse.execute(statement(_FORGET_MODEL, relations, version=version))
    row = (version, at, trained_with, records, model.to_json())
    warehouse.insert(relations["identity_probable_models"], _MODEL_COLUMNS, [row])


def read_model(warehouse: Warehouse, relations: Mapping[str, Relation], version: str) -> Model:
    """Return a model that was kept.

    Raises:
        ConfigError: There is none of that version.
    """
    found = warehouse.query(statement(_MODEL, relations, version=version))
    if not found:
        others = [row["model_version"] for row in warehouse.query(statement(_VERSIONS, relations))]
        raise ConfigError(
            "There is no model of that version.",
            where="identity_probable_models",
            fix=f"Use one of: {', '.join(others)}." if others else "Run `weft identity score` without --model first.",
        )
    return Model.from_json(found[0]["settings"])
