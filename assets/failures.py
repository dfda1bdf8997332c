"""What a node of dbt that failed means for the reader: what, where, and what to do next."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from reverse_etl.errors import FeedError
from warehouse.errors import WeftError

_PERSONAL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+|\+?\d[\d ()/-]{6,}\d")
_COUNT = re.compile(r"Got (\d+) results?")
_KEY_TESTS = {"not_null": "rows have no", "unique": "values repeat in the column"}
_SHOWN = 5


def failure_of(event: Mapping[str, Any], manifest: Mapping[str, Any]) -> list[WeftError]:
    """Return what one dbt event says of a node that failed; an empty list for any other event.

    The warehouse quotes values in its messages, so whatever looks like an e-mail address or a phone number is masked.

    Args:
        event: The event, as dbt logs it.
        manifest: The parsed project.
    """
    info, data = event["info"], event["data"]
    if info["level"] != "error" or info["name"] not in {"RunResultError", "MainEncounteredError"}:
        return []
    reason = " ".join(_PERSONAL.sub("…", str(data.get("msg") or data.get("exc") or info["msg"])).split())
    shown = data.get("node_info") or {}
    if not shown:
        return [WeftError(f"dbt stopped: {reason}", fix="Mend what dbt names, then run again.")]
    node = manifest["nodes"].get(shown.get("unique_id"), {})
    counted = _COUNT.search(reason)
    if shown["resource_type"] == "test" and counted:
        return [_test_failure(node, manifest, int(counted[1]))]
    return [
        WeftError(
            f"The {shown['resource_type']} {shown['node_name']} failed: {reason}",
            where=str(node.get("original_file_path") or shown["node_path"]),
            fix="Mend it, or the data that it stumbled over, then run again.",
        )
    ]


def together(failures: list[WeftError]) -> tuple[str, int]:
    """Return one message of all failures, and the exit code: that of a wrong feed only if nothing else is wrong."""
    shown = [str(failure) for failure in failures[:_SHOWN]]
    if len(failures) > _SHOWN:
        shown.append(f"and {len(failures) - _SHOWN} more")
    return "\n".join(shown), min((failure.exit_code for failure in failures), default=1)


def _test_failure(test: Mapping[str, Any], manifest: Mapping[str, Any], count: int) -> WeftError:
    model = manifest["nodes"].get(test.get("attached_node") or "", {})
    kind, column = str((test.get("test_metadata") or {}).get("name", "")), test.get("column_name")
    where = str(test.get("original_file_path", ""))
    fed = {node for exposure in manifest["exposures"].values() for node in exposure["depends_on"]["nodes"]}
    if kind in _KEY_TESTS and column and model.get("unique_id") in fed:
        return FeedError(
            f"The feed {model['name']!r} is not fit to be sent: {count:,} {_KEY_TESTS[kind]} {column}.",
            where=f"{where}, column {column}",
            fix=f"leave out or merge such rows in {model['original_file_path']}; nothing was sent",
        )
    subject = f"{model['name']}{f', column {column}' if column else ''}" if model else "the project's data"
    return WeftError(
        f"The test {kind or test.get('name', '')} found {count:,} rows that should not be in {subject}.",
        where=where,
        fix="Mend the model, or the data that it stumbled over, then run again; nothing was sent.",
    )
