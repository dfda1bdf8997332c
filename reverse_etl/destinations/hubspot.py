"""HubSpot."""

from __future__ import annotations

from reverse_etl.destinations.base import Destination


class HubSpot(Destination):
    """HubSpot."""

    name = "hubspot"
