"""Vendors' OpenAPI files as JSON Schema, to hold requests and the simulators' answers against."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SPECS = Path(os.environ.get("WEFT_SPECS") or Path(__file__).parents[3] / "shared" / "specs")


def as_json_schema(node: Any, *, strict: bool = True) -> Any:
    """Allow null where a schema is nullable, and refuse properties that it does not name.

    Args:
        node: Any part of an OpenAPI 3.0 file.
        strict: Whether properties that a schema does not name are refused.
    """
    if isinstance(node, list):
        return [as_json_schema(item, strict=strict) for item in node]
    if not isinstance(node, dict):
        return node
    made = {name: as_json_schema(value, strict=strict) for name, value in node.items()}
    if made.pop("nullable", False) is True:
        if isinstance(made.get("type"), str):
            made["type"] = [made["type"], "null"]
        elif "$ref" in made or "allOf" in made:
            made = {"anyOf": [made, {"type": "null"}]}
    if strict and isinstance(made.get("properties"), dict) and "object" in str(made.get("type")):
        made.setdefault("additionalProperties", False)
    return made


def request_schema(spec: Mapping[str, Any], path: str, method: str, media: str) -> dict[str, Any]:
    """Return the schema of a request's body, which can stand alone."""
    schema = spec["paths"][path][method]["requestBody"]["content"][media]["schema"]
    return {**schema, "components": spec["components"]}


def answer_schema(spec: Mapping[str, Any], path: str, method: str, status: int, media: str) -> dict[str, Any] | None:
    """Return the schema of an answer's body; ``None`` where the answer has none."""
    answers = spec["paths"][path][method]["responses"]
    answer = answers.get(str(status)) or answers[f"{status // 100}XX"]
    if "$ref" in answer:
        answer = spec["components"]["responses"][answer["$ref"].rsplit("/", 1)[-1]]
    schema = answer.get("content", {}).get(media, {}).get("schema")
    return None if schema is None else {**schema, "components": spec["components"]}
