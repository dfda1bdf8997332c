"""Intercom's requests and the simulator's answers, against the vendor's published OpenAPI description."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
import requests
import yaml

from reverse_etl.destinations.intercom.destination import VERSION
from reverse_etl.destinations.intercom.payloads import KEYS, STANDARD, contact, created, finding, tagged
from sandbox.intercom.api import Intercom
from sandbox.server import Running
from tests.destinations.openapi import SPECS, answer_schema, as_json_schema, request_schema

jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema to check requests against the vendor's file")

FILE = SPECS / "intercom" / f"api.intercom.io-{VERSION}.yaml"
MEDIA = "application/json"

pytestmark = pytest.mark.skipif(
    not FILE.is_file(), reason="the vendor's file is not here; set WEFT_SPECS to its folder"
)

VALUES = {
    "email": "anna@example.com",
    "name": "Anna",
    "signed_up_at": "2026-11-01 10:00:00",
    "owner_id": 7,
    "weft_tier": "gold",
    "weft_joined_on": "2026-11-01",
}
TYPES = {"weft_tier": "string", "weft_joined_on": "date"}


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loaded: dict[str, Any] = yaml.load(FILE.read_text(encoding="utf-8"), loader)
    return loaded


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


@pytest.mark.parametrize(
    ("path", "method", "body"),
    [
        ("/contacts", "post", created(VALUES, TYPES)),
        ("/contacts/search", "post", finding("email", "anna@example.com")),
        ("/contacts/search", "post", tagged("7001", 150, "cursor")),
        ("/contacts/{contact_id}/tags", "post", {"id": "7001"}),
    ],
)
def test_every_body_is_what_the_vendor_describes(spec: dict[str, Any], path: str, method: str, body: Any) -> None:
    validate(body, request_schema(spec, path, method, MEDIA))


@pytest.mark.parametrize(
    "values", [VALUES, dict.fromkeys(VALUES), {"weft_tier": None}, {"phone": None, "avatar": None, "owner_id": None}]
)
def test_every_update_is_what_the_vendor_describes(spec: dict[str, Any], values: Mapping[str, Any]) -> None:
    schema = {**spec["components"]["schemas"]["update_contact_request"], "components": spec["components"]}
    validate(contact(values, TYPES), schema)


def test_a_wrong_body_would_be_noticed(spec: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validate(created(VALUES, TYPES) | {"nmae": "Anna"}, request_schema(spec, "/contacts", "post", MEDIA))


def test_the_fields_that_are_intercoms_are_those_of_the_vendors_file(spec: dict[str, Any]) -> None:
    named = set(spec["components"]["schemas"]["update_contact_request"]["properties"])
    not_ours = {"role", "email_verified", "unsubscribed_from_emails", "custom_attributes"}
    assert named - not_ours == STANDARD
    assert VERSION in spec["components"]["schemas"]["intercom_version"]["enum"]


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/me", "get"),
        ("/tags", "get"),
        ("/data_attributes", "get"),
        ("/contacts/{contact_id}", "get"),
        ("/contacts/{contact_id}", "put"),
        ("/contacts/{contact_id}/tags/{tag_id}", "delete"),
    ],
)
def test_every_address_exists(spec: dict[str, Any], path: str, method: str) -> None:
    assert method in spec["paths"][path]


def test_the_simulators_answers_are_what_the_vendor_describes(answers: dict[str, Any], sandbox: Running) -> None:
    def ask(method: str, path: str, template: str = "", body: Any = None, **query: str) -> Any:
        headers = {"Authorization": f"Bearer {Intercom.key}", "Intercom-Version": VERSION}
        reply = requests.request(method, f"{sandbox.url}/intercom{path}", json=body, headers=headers, params=query)
        if str(reply.status_code) in answers["paths"][template or path][method.lower()]["responses"]:
            schema = answer_schema(answers, template or path, method.lower(), reply.status_code, MEDIA)
        else:  # a refusal that the file does not list for this call
            assert reply.status_code >= 400
            schema = {**answers["components"]["schemas"]["error"], "components": answers["components"]}
        if schema is not None:
            validate(reply.json(), schema)
        return reply.json()

    one = "/contacts/{contact_id}"
    ask("GET", "/me")
    assert ask("GET", "/data_attributes", model="contact")["data"]
    made = ask("POST", "/contacts", body=created(VALUES, TYPES) | {"avatar": "https://example.com/a.png"})
    assert ask("POST", "/contacts", body=created(VALUES, TYPES))["errors"][0]["code"] == "conflict"
    ask("POST", "/contacts", body={"email": "x@example.com", "custom_attributes": {"shoe_size": 42}})
    ask("PUT", f"/contacts/{made['id']}", one, contact({"name": "B", "weft_tier": None}, TYPES))
    ask("GET", f"/contacts/{made['id']}", one)
    ask("GET", "/contacts/none", one)
    lead = ask("POST", "/contacts", body={"role": "lead", "name": "Lea"})
    ask("POST", "/contacts/merge", body={"from": lead["id"], "into": made["id"]})
    assert ask("GET", f"/contacts/{lead['id']}", one)["errors"][0]["code"] == "contact_merged"

    tag = ask("GET", "/tags")["data"][0]["id"]
    ask("POST", f"/contacts/{made['id']}/tags", f"{one}/tags", {"id": tag})
    ask("POST", f"/contacts/{made['id']}/tags", f"{one}/tags", {"id": "none"})
    for key in KEYS:
        ask("POST", "/contacts/search", body=finding(key, "anna@example.com"))
    assert ask("POST", "/contacts/search", body=tagged(tag, 150, None))["total_count"] == 1
    ask("DELETE", f"/contacts/{made['id']}/tags/{tag}", f"{one}/tags/{{tag_id}}")
    ask("POST", f"/contacts/{made['id']}/archive", f"{one}/archive")
