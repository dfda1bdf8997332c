"""Klaviyo's requests and the answers that the tests invent, against the vendor's published OpenAPI files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from reverse_etl.destinations.klaviyo import Klaviyo
from reverse_etl.destinations.klaviyo_payloads import cleared, import_job, member
from reverse_etl.rows import Op

from .conftest import make_row

jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema to check requests against the vendor's files")

SPECS = Path(os.environ.get("WEFT_SPECS") or Path(__file__).parents[3] / "shared" / "specs") / "klaviyo"

pytestmark = pytest.mark.skipif(
    not SPECS.is_dir(), reason="the vendor's OpenAPI files are not here; set WEFT_SPECS to their folder"
)

ROWS = [
    make_row("anna@example.com", email="anna@example.com", first_name="Anna", city="Köln", lifetime_value=12.5),
    make_row("C7", Op.CHANGE, external_id="C7", phone_number="+4915112345678", tier=None, changed=("tier",)),
]


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    """Both files as one, with OpenAPI 3.0's ``nullable`` turned into what JSON Schema calls it."""
    merged: dict[str, Any] = {"paths": {}, "components": {"schemas": {}}}
    for name in ("profiles", "lists"):
        loaded = json.loads((SPECS / f"{name}.json").read_text(encoding="utf-8"))
        merged["version"] = loaded["info"]["version"]
        merged["paths"] |= loaded["paths"]
        merged["components"]["schemas"] |= loaded["components"]["schemas"]
    translated = strict(merged)
    assert isinstance(translated, dict)
    return translated


def strict(node: Any) -> Any:
    """Allow null where a schema is nullable, and refuse properties that it does not name."""
    if isinstance(node, list):
        return [strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {name: strict(value) for name, value in node.items()}
    if made.pop("nullable", False) is True and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    if isinstance(made.get("properties"), dict) and "object" in str(made.get("type")):
        made.setdefault("additionalProperties", False)
    return made


def request_schema(spec: dict[str, Any], path: str, method: str) -> dict[str, Any]:
    schema = spec["paths"][path][method]["requestBody"]["content"]["application/vnd.api+json"]["schema"]
    return {**schema, "components": spec["components"]}


def test_the_revision_is_the_one_of_the_files(spec: dict[str, Any]) -> None:
    assert spec["version"] == Klaviyo.api_version


@pytest.mark.parametrize(
    ("path", "method", "body"),
    [
        ("/api/profile-bulk-import-jobs", "post", import_job("Y6nRLr", ROWS)),
        ("/api/profile-bulk-import-jobs", "post", import_job(None, ROWS)),
        (
            "/api/profile-import",
            "post",
            cleared(
                make_row(
                    "a@b.de", Op.CHANGE, email="a@b.de", city=None, phone_number=None, changed=("city", "phone_number")
                )
            ),
        ),
        ("/api/lists/{id}/relationships/profiles", "delete", {"data": [member("01GDDKASAP8TKDDA2GRZDSVP4H")]}),
    ],
)
def test_every_body_is_what_the_vendor_describes(spec: dict[str, Any], path: str, method: str, body: Any) -> None:
    jsonschema.validate(json.loads(json.dumps(body)), request_schema(spec, path, method))


def test_a_wrong_body_would_be_noticed(spec: dict[str, Any]) -> None:
    schema = request_schema(spec, "/api/profile-bulk-import-jobs", "post")
    body = import_job("Y6nRLr", ROWS)
    body["data"]["attributes"]["profiles"]["data"][0]["attributes"]["frist_name"] = "Anna"

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(body, schema)


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/api/lists", "get"),
        ("/api/lists/{id}", "get"),
        ("/api/profiles", "get"),
        ("/api/profile-bulk-import-jobs/{job_id}", "get"),
        ("/api/profile-bulk-import-jobs/{id}/import-errors", "get"),
    ],
)
def test_every_address_that_is_read_exists(spec: dict[str, Any], path: str, method: str) -> None:
    assert method in spec["paths"][path]


def test_the_pace_is_the_vendors(spec: dict[str, Any]) -> None:
    for path, method, op in (
        ("/api/profile-bulk-import-jobs", "post", Op.ADD),
        ("/api/lists/{id}/relationships/profiles", "delete", Op.REMOVE),
    ):
        limits = Klaviyo.objects["list"].limits[op]
        published = spec["paths"][path][method]["x-klaviyo-ratelimit"]
        assert published == {"burst": f"{limits.burst}/s", "steady": f"{limits.calls_per_second * 60:.0f}/m"}
