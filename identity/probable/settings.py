"""What is compared, and from which probability on: ``vars: identity_probable``, as dbt checked it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from warehouse.base import Relation
from warehouse.errors import ConfigError
from warehouse.manifest import Manifest

_CARRIER = "identity_probable_pairs"  # the model whose meta holds the variable, filled in and checked
_NEEDED = (
    "identifiers",
    "traits",
    "identity_edges",
    "identity_map",
    "identity_nodes",
    "identity_probable_models",
    "identity_probable_pairs",
)
_ERASED = "erased_identifiers"  # a project without consents has none


@dataclass(frozen=True, slots=True)
class Settings:
    """What probable links are made of.

    Attributes:
        enabled: Whether they count at all.
        threshold: The probability from which on a pair links by itself.
        review_from: The probability from which on a person is asked.
        compare: The attributes that are compared, each with its kind: name, text, date, email or phone.
        max_records: How many records are compared, at most.
        max_pairs: How many pairs of records are compared, at most.
    """

    enabled: bool
    threshold: float
    review_from: float
    compare: Mapping[str, str]
    max_records: int
    max_pairs: int


def load(manifest: Manifest) -> Settings:
    """Return the settings of a project.

    Raises:
        ConfigError: The project lacks the model that carries them.
    """
    node = manifest.model(_CARRIER)
    given: Mapping[str, Any] | None = node.meta.get("identity_probable") if node else None
    if not given:
        raise ConfigError(
            f"The project has no model {_CARRIER!r} that carries the settings of probable links.",
            where="models/identity",
            fix="Restore it.",
        )
    return Settings(
        enabled=bool(given["enabled"]),
        threshold=float(given["threshold"]),
        review_from=float(given["review_from"]),
        compare=dict(given["compare"]),
        max_records=int(given["max_records"]),
        max_pairs=int(given["max_pairs"]),
    )


def locate(manifest: Manifest) -> dict[str, Relation]:
    """Return where the tables are that are read and written; ``erased_identifiers`` only where the project has it.

    Raises:
        ConfigError: The project lacks one of the others.
    """
    found = {name: node.relation for name in (*_NEEDED, _ERASED) if (node := manifest.model(name)) is not None}
    missing = [name for name in _NEEDED if name not in found]
    if missing:
        raise ConfigError(
            f"The project has no model {missing[0]!r}, which probable links need.", where="models/", fix="Restore it."
        )
    return found
