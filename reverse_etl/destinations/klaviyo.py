"""Klaviyo."""

from __future__ import annotations

from reverse_etl.destinations.base import Destination


class Klaviyo(Destination):
    """Klaviyo."""

    name = "klaviyo"
