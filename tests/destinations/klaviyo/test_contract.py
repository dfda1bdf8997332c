"""Klaviyo's requests and the simulator's answers, against the vendor's published OpenAPI files."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
import requests

from reverse_etl.destinations.base import Delivery
from reverse_etl.destinations.klaviyo.destination import Klaviyo
from reverse_etl.destinations.klaviyo.events import event, job
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
from sandbox.server import Running
from tests.destinations.conftest import make_row
from tests.destinations.openapi import SPECS, answer_schema, as_json_schema, request_schema

jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema to check requests against the vendor's files")

FILES = SPECS / "klaviyo"
MEDIA = "application/vnd.api+json"

pytestmark = pytest.mark.skipif(
    not FILES.is_dir(), reason="the vendor's OpenAPI files are not here; set WEFT_SPECS to their folder"
)

ROWS = [
    make_row("anna@example.com", email="anna@example.com", first_name="Anna", city="Köln", lifetime_value=12.5),
    make_row("C7", Op.CHANGE, external_id="C7", phone_number="+4915112345678", tier=None, changed=("tier",)),
]


EVENTS: list[dict[str, Any]] = [
    {"event_id": "E-1", "event_name": "Ordered", "occurred_at": "2026-11-01 10:00:00", "email": "anna@example.com"},
    {"event_id": "E-2", "event_name": "Ordered", "occurred_at": "2026-11-01T10:00:00+02:00", "external_id": "C7"}
    | {"value": "12.5", "currency": "EUR", "items": ["tea"], "coupon": None},
]
TO_LIST = Delivery("list", "Y6nRLr")
PROFILES = [profile(values_of(TO_LIST, ROWS[0])), profile(values_of(TO_LIST, ROWS[1]), "01GDDKASAP8TKDDA2GRZDSVP4H")]


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    """All files as one."""
    merged: dict[str, Any] = {"paths": {}, "components": {"schemas": {}}}
    for name in ("profiles", "lists", "events"):
        loaded = json.loads((FILES / f"{name}.json").read_text(encoding="utf-8"))
        merged["version"] = loaded["info"]["version"]
        merged["paths"] |= loaded["paths"]
        merged["components"]["schemas"] |= loaded["components"]["schemas"]
        merged["components"]["responses"] = loaded["components"]["responses"]
    return merged


@pytest.fixture(scope="module")
def spec(published: dict[str, Any]) -> dict[str, Any]:
    """As JSON Schema, for requests: nothing is in them that the vendor does not name."""
    translated: dict[str, Any] = as_json_schema(published)
    return translated


@pytest.fixture(scope="module")
def answers(published: dict[str, Any]) -> dict[str, Any]:
    """As JSON Schema, for answers, some of which are put together of several schemas."""
    translated: dict[str, Any] = as_json_schema(published, strict=False)
    return translated


def validate(body: Any, schema: Mapping[str, Any]) -> None:
    jsonschema.validate(json.loads(json.dumps(body)), schema)


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
        ("/api/event-bulk-create-jobs", "post", job([event(one) for one in EVENTS])),
    ],
)
def test_every_body_is_what_the_vendor_describes(spec: dict[str, Any], path: str, method: str, body: Any) -> None:
    validate(body, request_schema(spec, path, method, MEDIA))


def test_a_wrong_body_would_be_noticed(spec: dict[str, Any]) -> None:
    schema = request_schema(spec, "/api/profile-bulk-import-jobs", "post", MEDIA)
    body = import_job("Y6nRLr", PROFILES)
    body["data"]["attributes"]["profiles"]["data"][0]["attributes"]["frist_name"] = "Anna"

    with pytest.raises(jsonschema.ValidationError):
        validate(body, schema)


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/api/lists", "get"),
        ("/api/lists/{id}", "get"),
        ("/api/lists/{id}/profiles", "get"),
        ("/api/profiles", "get"),
        ("/api/events", "get"),
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
        ("/api/event-bulk-create-jobs", "post", None),
    ):
        limits = Klaviyo.objects["list"].limits[op] if op else Klaviyo.objects["event"].limits[Op.ADD]
        published = spec["paths"][path][method]["x-klaviyo-ratelimit"]
        assert published == {"burst": f"{limits.burst}/s", "steady": f"{limits.calls_per_second * 60:.0f}/m"}


HEADERS = {"Authorization": "Klaviyo-API-Key pk_demo_weft", "revision": "2026-07-15", "Content-Type": MEDIA}


def test_the_simulators_answers_are_what_the_vendor_describes(answers: dict[str, Any], sandbox: Running) -> None:
    def ask(method: str, path: str, template: str = "", body: Any = None, **query: str) -> Any:
        url = f"{sandbox.url}/klaviyo{path}"
        reply = requests.request(method, url, data=json.dumps(body) if body else None, headers=HEADERS, params=query)
        schema = answer_schema(answers, template or path, method.lower(), reply.status_code, MEDIA)
        if schema is None:
            assert reply.content == b""
            return None
        validate(reply.json(), schema)
        return reply.json()["data"] if reply.status_code < 300 else None

    jobs = "/api/profile-bulk-import-jobs"
    people = [profile({"email": f"answer{n}@example.com", "city": "Köln", "tier": "a"}) for n in range(2)]
    bad = profile({"email": "a@example.com", "phone_number": "+49"})
    made = ask("POST", jobs, body=import_job("WINBACK", [*people, bad]))
    sandbox.sandbox.advance()
    deadline = time.monotonic() + 10
    path = f"{jobs}/{made['id']}"
    while ask("GET", path, f"{jobs}/{{job_id}}")["attributes"]["status"] != "complete" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ask("GET", f"{path}/import-errors", f"{jobs}/{{id}}/import-errors")
    assert ask("GET", f"{jobs}/none", f"{jobs}/{{job_id}}") is None

    assert ask("GET", "/api/lists")
    ask("GET", "/api/lists/WINBACK", "/api/lists/{id}", **{"additional-fields[list]": "profile_count"})
    on_list = ask("GET", "/api/lists/WINBACK/profiles", "/api/lists/{id}/profiles")
    found = ask("GET", "/api/profiles", **{"filter": 'equals(email,"answer0@example.com")', "fields[profile]": "email"})
    ids = [one["id"] for one in on_list if one["id"] != found[0]["id"]]
    ask("POST", "/api/profile-import", body=cleared({"email": "answer0@example.com", "city": None}, "email"))
    ask("POST", "/api/profile-import", body={"data": people[0]})
    members = {"data": [member(one) for one in ids]}
    ask("DELETE", "/api/lists/WINBACK/relationships/profiles", "/api/lists/{id}/relationships/profiles", members)
    ask("POST", "/api/profile-merge", body=merge_body(ids[0], found[0]["id"]))

    ask("POST", "/api/event-bulk-create-jobs", body=job([event(one) for one in EVENTS]))
    assert ask("POST", "/api/event-bulk-create-jobs", body=job([])) is None
    assert ask("GET", "/api/events")
