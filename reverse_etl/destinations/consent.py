"""Keeps out of a sync what would change whether people receive messages: that is decided where they are asked."""

from __future__ import annotations

from collections.abc import Iterable

from reverse_etl.destinations.base import ObjectSpec
from reverse_etl.errors import DestinationRefused


def refuse_consent(label: str, spec: ObjectSpec, columns: Iterable[str]) -> None:
    """Refuse columns that an object declares as ``refused_columns``.

    Args:
        label: What the vendor is called.
        spec: The object.
        columns: Those of the feed, or of a row.

    Raises:
        DestinationRefused: There are such columns; the message names them.
    """
    found = sorted(spec.refused_columns.intersection(columns))
    if found:
        raise DestinationRefused(
            f"{label} reads {', '.join(found)} as what people agreed to receive; no sync decides about that.",
            where="the feed's columns",
            fix="Leave them out of the feed.",
        )
