"""Klaviyo's requests and the answers that the tests invent, against the vendor's published OpenAPI files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from reverse_etl.destinations.base import Delivery
from reverse_etl.destinations.klaviyo.destination import Klaviyo
from reverse_etl.destinations.klaviyo.payloads import (
    IDENTIFIERS,
    LOOKUP_ROWS,
    STANDARD,
    cleared,
    fields_of,
    import_job,
    member,
    merge_body,
    profile,
    values_of,
)
from reverse_etl.destinations.klaviyo.profiles import COUNTS, READS
from reverse_etl.rows import Op
from tests.destinations.conftest import make_row

jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema to check requests against the vendor's files")

SPECS = Path(os.environ.get("WEFT_SPECS") or Path(__file__).parents[4] / "shared" / "specs") / "klaviyo"

pytestmark = pytest.mark.skipif(
    not SPECS.is_dir(), reason="the vendor's OpenAPI files are not here; set WEFT_SPECS to their folder"
)

ROWS = [
    make_row("anna@example.com", email="anna@example.com", first_name="Anna", city="Köln", lifetime_value=12.5),
    make_row("C7", Op.CHANGE, external_id="C7", phone_number="+4915112345678", tier=None, changed=("tier",)),
]


TO_LIST = Delivery("list", "Y6nRLr")
PROFILES = [profile(values_of(TO_LIST, ROWS[0])), profile(values_of(TO_LIST, ROWS[1]), "01GDDKASAP8TKDDA2GRZDSVP4H")]


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
        ("/api/profile-bulk-import-jobs", "post", import_job("Y6nRLr", PROFILES)),
        ("/api/profile-bulk-import-jobs", "post", import_job(None, PROFILES)),
        (
            "/api/profile-import",
            "post",
            cleared({"email": "a@b.de", "city": None, "phone_number": None}, "email"),
        ),
        ("/api/profile-merge", "post", merge_body("01GDDKASAP8TKDDA2GRZDSVP4H", "01GDDKASAP8TKDDA2GRZDSVP4J")),
        ("/api/lists/{id}/relationships/profiles", "delete", {"data": [member("01GDDKASAP8TKDDA2GRZDSVP4H")]}),
    ],
)
def test_every_body_is_what_the_vendor_describes(spec: dict[str, Any], path: str, method: str, body: Any) -> None:
    jsonschema.validate(json.loads(json.dumps(body)), request_schema(spec, path, method))


def test_a_wrong_body_would_be_noticed(spec: dict[str, Any]) -> None:
    schema = request_schema(spec, "/api/profile-bulk-import-jobs", "post")
    body = import_job("Y6nRLr", PROFILES)
    body["data"]["attributes"]["profiles"]["data"][0]["attributes"]["frist_name"] = "Anna"

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(body, schema)


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/api/lists", "get"),
        ("/api/lists/{id}", "get"),
        ("/api/lists/{id}/profiles", "get"),
        ("/api/profiles", "get"),
        ("/api/profile-bulk-import-jobs/{job_id}", "get"),
        ("/api/profile-bulk-import-jobs/{id}/import-errors", "get"),
    ],
)
def test_every_address_that_is_read_exists(spec: dict[str, Any], path: str, method: str) -> None:
    assert method in spec["paths"][path]


def test_what_is_read_of_a_profile_and_of_a_list_can_be_asked_for(spec: dict[str, Any]) -> None:
    def allowed(path: str, name: str) -> dict[str, Any]:
        return next(one["schema"] for one in spec["paths"][path]["get"]["parameters"] if one["name"] == name)

    every = fields_of(STANDARD | {"tier"}, "email").split(",")
    assert set(every) <= set(allowed("/api/profiles", "fields[profile]")["items"]["enum"])
    assert set(IDENTIFIERS) <= set(allowed("/api/lists/{id}/profiles", "fields[profile]")["items"]["enum"])
    assert allowed("/api/lists/{id}", "additional-fields[list]")["items"]["enum"] == ["profile_count"]
    assert allowed("/api/profiles", "page[size]")["maximum"] == LOOKUP_ROWS


def test_a_lists_count_and_the_look_ups_keep_to_the_vendors_pace(spec: dict[str, Any]) -> None:
    told = spec["paths"]["/api/lists/{id}"]["get"]["description"]
    assert f"Burst: `{COUNTS.burst}/s`<br>Steady: `{COUNTS.calls_per_second * 60:.0f}/m`" in told
    published = spec["paths"]["/api/profiles"]["get"]["x-klaviyo-ratelimit"]
    assert published == {"burst": f"{READS.burst}/s", "steady": f"{READS.calls_per_second * 60:.0f}/m"}


def test_the_pace_is_the_vendors(spec: dict[str, Any]) -> None:
    for path, method, op in (
        ("/api/profile-bulk-import-jobs", "post", Op.ADD),
        ("/api/lists/{id}/relationships/profiles", "delete", Op.REMOVE),
        ("/api/profile-merge", "post", Op.MERGE),
    ):
        limits = Klaviyo.objects["list"].limits[op]
        published = spec["paths"][path][method]["x-klaviyo-ratelimit"]
        assert published == {"burst": f"{limits.burst}/s", "steady": f"{limits.calls_per_second * 60:.0f}/m"}
