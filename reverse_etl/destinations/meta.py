"""Meta."""

from __future__ import annotations

from reverse_etl.destinations.base import Destination


class Meta(Destination):
    """Meta."""

    name = "meta"
