"""Models that read each other in a circle: dbt parses them, and then ends with a traceback when it builds."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from warehouse.errors import ConfigError

if TYPE_CHECKING:
    from warehouse.manifest import Node


def check_cycles(nodes: Mapping[str, Node]) -> None:
    """Return when no model reads itself by way of others.

    Args:
        nodes: Models, seeds, snapshots and sources, by id.

    Raises:
        ConfigError: Some do. It names their files, in the order in which they read each other.
    """
    order = TopologicalSorter({node.unique_id: node.depends_on for node in nodes.values()})
    try:
        order.prepare()
    except CycleError as error:
        circle = [nodes[unique_id] for unique_id in reversed(error.args[1])]
        raise ConfigError(
            f"Models read each other in a circle: {' reads '.join(node.name for node in circle)}.",
            where=", ".join(dict.fromkeys(node.path for node in circle)),
            fix="take one ref() of them out, or bring what two of them share into a third model",
        ) from None
