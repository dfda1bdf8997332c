"""What a dbt test says of itself, for the asset check that it is in Dagster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg


class Words:
    """What dbt tests said of themselves: a warning of a macro that begins with a test's name and a colon.

    dbt counts the rows of a test and keeps none of their text, so this is how a check comes to its description.

    Args:
        manifest: The parsed project.
    """

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self._tests = {node["name"]: key for key, node in manifest["nodes"].items() if node["resource_type"] == "test"}
        self._said: dict[str, str] = {}

    def hear(self, event: Mapping[str, Any]) -> str | None:
        """Return what a raw dbt event says of a test, in words; nothing for any other event."""
        if event["info"]["name"] != "JinjaLogWarning":
            return None
        name, _, words = str(event["data"].get("msg", "")).partition(": ")
        if name not in self._tests:
            return None
        self._said[self._tests[name]] = words
        return words

    def describe(self, event: Any) -> Any:
        """Return a check's result with what its test said; any other event as it is."""
        if not isinstance(event, dg.AssetCheckResult):
            return event
        test = event.metadata.get("unique_id")
        words = self._said.get(str(test.value)) if test is not None else None
        return event._replace(description=words) if words and not event.passed else event
