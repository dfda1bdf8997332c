"""Google's requests and the simulator's answers, against the vendor's published discovery document."""

from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.case import Stage
from reverse_etl.answers import Response
from reverse_etl.destinations.base import Delivery, Mode
from reverse_etl.destinations.google.codes import CODES, PREFIXES
from reverse_etl.destinations.google.destination import SCOPE, Google
from reverse_etl.destinations.google.settings import CONSENTS, AccountType
from reverse_etl.destinations.registry import connect
from reverse_etl.rows import Op, Outcome, Row
from sandbox.google import api, schema
from sandbox.server import Running
from tests.destinations.conftest import FakeTime, make_row
from tests.destinations.google.case import event_row, row, settings

jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema to check requests against the vendor's file")

SPECS = Path(os.environ.get("WEFT_SPECS") or Path(__file__).parents[4] / "shared" / "specs") / "google-data-manager"

pytestmark = pytest.mark.skipif(
    not SPECS.is_dir(), reason="the vendor's discovery document is not here; set WEFT_SPECS to its folder's parent"
)

AUDIENCE = Delivery("audience", api.Google.audience, mode=Mode.MIRROR, key="email")
MOBILES = Delivery("audience", api.Google.mobile_audience, mode=Mode.MIRROR, key="mobile_ad_id")
CONVERSION = Delivery("conversion", api.Google.conversion, mode=Mode.APPEND, key="event_id")
PERSON = row(1)
DEVICE: dict[str, Any] = {"mobile_ad_id": "38400000-8cf0-11bd-b23e-10b96e40000d"}
EVENT: dict[str, Any] = {**event_row(1), **DEVICE, "gclid": "Cj0", "event_source": "WEB", "event_name": "purchase"}
WHAT = {
    "/v1/audienceMembers:ingest": "IngestAudienceMembers",
    "/v1/audienceMembers:remove": "RemoveAudienceMembers",
    "/v1/events:ingest": "IngestEvents",
    "/v1/requestStatus:retrieve": "RetrieveRequestStatus",
}


@pytest.fixture(scope="module")
def discovery() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SPECS / "datamanager.v1.json").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def validate(discovery: dict[str, Any]) -> Callable[[str, Any], None]:
    """Check a value against a schema of the document, which is made strict: what it does not name is refused."""
    definitions = {name: strict(one) for name, one in discovery["schemas"].items()}

    def check(name: str, value: Any) -> None:
        validator = jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": definitions})
        validator.validate(json.loads(json.dumps(value)))

    return check


def strict(node: Any) -> Any:
    """Turn a schema of a discovery document into one of JSON Schema."""
    if isinstance(node, list):
        return [strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("$ref"), str):
        return {"$ref": f"#/$defs/{node['$ref']}"}
    kept = {name: value for name, value in node.items() if name in ("type", "enum", "items", "properties")}
    made = {name: strict(value) for name, value in kept.items() if name != "properties"}
    if made.get("type") == "any":
        del made["type"]
    if made.get("type") == "object":
        made["properties"] = {name: strict(value) for name, value in kept.get("properties", {}).items()}
        made["additionalProperties"] = False
    if node.get("format") == "int64":
        made["pattern"] = "^-?[0-9]+$"
    return made


Call = tuple[str, Any, Response]


@pytest.fixture(scope="module")
def calls(shared: Running) -> list[Call]:
    """What weft asks of the simulated account, and what that answers: every kind of call, and rows that are refused."""
    fake = FakeTime(real=0.01)
    google = connect("google", settings(Stage(shared, SPECS)), sleep=fake.sleep, clock=fake.clock)
    assert isinstance(google, Google)
    made: list[Call] = []
    request = google.http.request

    def recorded(method: str, path: str, **options: Any) -> Response:
        answer = request(method, path, **options)
        made.append((path, copy.deepcopy(options.get("json")), answer))
        return answer

    google.http.request = recorded  # type: ignore[method-assign]
    old = {**EVENT, "event_id": "old", "occurred_at": "2020-01-01T00:00:00"}
    sent: list[tuple[Delivery, Op, list[Row]]] = [
        (AUDIENCE, Op.ADD, [make_row(PERSON["email"], **PERSON)]),
        (AUDIENCE, Op.REMOVE, [make_row(PERSON["email"], **PERSON)]),
        (MOBILES, Op.ADD, [make_row(DEVICE["mobile_ad_id"], **DEVICE)]),
        (MOBILES, Op.REMOVE, [make_row(DEVICE["mobile_ad_id"], **DEVICE)]),
        (CONVERSION, Op.ADD, [make_row("order-1", **EVENT), make_row("old", **old)]),
    ]
    shared.fault("job_stuck", "google")
    for delivery, op, rows in sent:
        google.check(delivery)
        [job] = {result.job_id for result in google.send(delivery, op, rows)}
        assert job is not None
        if delivery is AUDIENCE and op is Op.ADD:
            assert google.settle(delivery, job, rows) is None
            shared.clear_faults()
        told = waited(lambda delivery=delivery, job=job, rows=rows: google.settle(delivery, job, rows))  # type: ignore[misc]
        refused = {result.key: result.code for result in told if result.outcome is Outcome.PERMANENT}
        assert refused == ({"old": "EVENT_TOO_OLD"} if delivery is CONVERSION else {})
    return made


def waited(ask: Callable[[], Any]) -> Any:
    for _ in range(200):
        told = ask()
        if told is not None:
            return told
        time.sleep(0.01)
    raise AssertionError("the request was not processed")


def test_every_request_is_what_the_vendor_describes(calls: list[Call], validate: Callable[[str, Any], None]) -> None:
    assert {path for path, _, _ in calls} == set(WHAT)
    for path, body, _ in calls:
        if body is not None:
            validate(f"{WHAT[path]}Request", body)


def test_every_answer_of_the_simulator_is_what_the_vendor_describes(
    calls: list[Call], validate: Callable[[str, Any], None]
) -> None:
    for path, _, answer in calls:
        assert answer.status == 200
        validate(f"{WHAT[path]}Response", answer.body)


def test_a_wrong_body_would_be_noticed(calls: list[Call], validate: Callable[[str, Any], None]) -> None:
    body = next(copy.deepcopy(body) for path, body, _ in calls if path == "/v1/events:ingest")
    body["events"][0]["value"] = 12.5

    with pytest.raises(jsonschema.ValidationError):
        validate("IngestEventsRequest", body)


def test_every_address_and_the_scope_are_the_vendors(discovery: dict[str, Any]) -> None:
    methods = {
        method["path"]: method["httpMethod"]
        for resource in discovery["resources"].values()
        for method in resource.get("methods", {}).values()
    }
    asked = {path.removeprefix("/"): "POST" if path.count("retrieve") == 0 else "GET" for path in WHAT}
    assert asked.items() <= methods.items()
    assert SCOPE in discovery["auth"]["oauth2"]["scopes"]
    assert discovery["rootUrl"].rstrip("/") == Google.settings_class.model_fields["base_url"].default


def test_the_simulator_knows_the_fields_that_the_vendor_knows(discovery: dict[str, Any]) -> None:
    for name, fields in schema.MESSAGES.items():
        properties = discovery["schemas"][name]["properties"]
        assert set(fields) == set(properties), name
        for field, kind in fields.items():
            if isinstance(kind, tuple):
                assert set(kind) <= set(properties[field]["enum"]), f"{name}.{field}"


def test_every_code_of_a_row_is_one_that_the_vendor_has_or_ours(discovery: dict[str, Any]) -> None:
    enum = discovery["schemas"]["ErrorCount"]["properties"]["reason"]["enum"]
    given = {min((reason.removeprefix(prefix) for prefix in PREFIXES), key=len) for reason in enum}
    of_calls = {"INVALID_AUDIENCE_MEMBER", "INVALID_COUNTRY_CODE", "INVALID_CURRENCY_CODE", "INVALID_POSTAL_CODE"}
    assert {code for code in CODES if code.isupper()} - given == of_calls | {"NO_IDENTIFIERS_PROVIDED"}


def test_settings_speak_of_what_the_vendor_has(discovery: dict[str, Any]) -> None:
    schemas = discovery["schemas"]
    assert {kind.value for kind in AccountType} <= set(schemas["ProductAccount"]["properties"]["accountType"]["enum"])
    assert set(CONSENTS.values()) == set(schemas["Consent"]["properties"])
