"""One table per destination says what each code of a row means, and no word of an answer gets out."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import responses
from pydantic import SecretStr

from reverse_etl.destinations import codes, registry
from reverse_etl.destinations.base import Delivery, Mode
from reverse_etl.destinations.hubspot.destination import HubSpotSettings
from reverse_etl.destinations.klaviyo.destination import KlaviyoSettings
from reverse_etl.destinations.meta.destination import MetaSettings
from reverse_etl.destinations.registry import connect
from reverse_etl.rows import Op, Outcome
from warehouse.errors import WeftError

from .conftest import FakeTime, make_row

LETTERS = {
    "A": Outcome.APPLIED,
    "P": Outcome.PERMANENT,
    "T": Outcome.TRANSIENT,
    "?": Outcome.AMBIGUOUS,
    "I": Outcome.INFO,
}
EXPECTED = {
    "hubspot": {
        "VALIDATION_ERROR": "P",
        "CONFLICT": "P",
        "OBJECT_NOT_FOUND": "I",
        "INTERNAL_ERROR": "T",
        "RATE_LIMITS": "T",
        "TIMEOUT": "T",
        "SERVICE_UNAVAILABLE": "T",
        "other": "P",
        "not_found": "I",
        "no_contact": "A",
        "no_columns": "A",
        "nothing_to_write": "A",
        "already_merged": "A",
        "no_survivor": "I",
        "no_answer": "T",
    },
    "klaviyo": {
        "invalid": "P",
        "duplicate_profile": "P",
        "error": "T",
        "internal_error": "T",
        "rate_limited": "T",
        "throttled": "T",
        "timeout": "T",
        "other": "P",
        "not_found": "I",
        "no_profile": "A",
        "too_large": "P",
        "no_job": "T",
        "job_gone": "T",
        "job_given_up": "T",
        "row_count": "?",
        "unnamed_error": "?",
        "already_merged": "A",
        "no_survivor": "I",
        "unconfirmed": "T",
        "taken": "A",
        "no_identifier": "P",
        "no_time": "P",
        "no_name": "P",
        "no_number": "P",
    },
    "meta": {
        "200/1870047": "I",
        "invalid_entry": "P",
        "miscounted": "?",
        "nothing_to_match": "P",
        "never_sent": "A",
        "other": "P",
        "100/2804003": "P",
        "no_time": "P",
        "too_old": "P",
        "action_source": "P",
        "website": "P",
        "purchase": "P",
        "nobody": "P",
    },
    "tiktok": {
        "40002": "P",
        "nothing_to_match": "P",
        "never_sent": "A",
        "no_time": "P",
        "page": "P",
        "lead": "P",
        "nobody": "P",
        "other": "P",
    },
}
SECRET = "anna.secret@example.com"
PHONE = "+4915112345678"


@pytest.mark.parametrize("name", EXPECTED)
def test_every_code_means_what_the_table_says(name: str) -> None:
    destination = registry.get(name)
    expected = {code: LETTERS[letter] for code, letter in EXPECTED[name].items()}

    assert {code: meaning.outcome for code, meaning in destination.codes.items()} == expected
    for code in expected:
        made = codes.result(destination.codes, "key", code)
        assert (made.outcome, made.code) == (expected[code], code)
        assert made.reason


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        ("VALIDATION_ERROR", "VALIDATION_ERROR"),
        ("some.new-code", "some.new-code"),
        ("409", "409"),
        (SECRET, "other"),
        (PHONE, "other"),
        ("4915112345678", "other"),
        ("C7", "other"),
        ("Anna Berg", "other"),
        ("x" * 51, "other"),
        ("", "other"),
        (None, "None"),
        ({"email": SECRET}, "other"),
    ],
)
def test_what_has_not_the_form_of_a_code_is_not_kept(code: Any, kept: str) -> None:
    made = codes.result(registry.get("hubspot").codes, "key", str(code))

    assert (made.code, made.outcome) == (kept, Outcome.PERMANENT)


def poisoned(shape: Any) -> Any:
    """Put a person's address wherever an answer has a text of the vendor's."""
    if isinstance(shape, dict):
        return {name: poisoned(value) for name, value in shape.items()}
    return [poisoned(value) for value in shape] if isinstance(shape, list) else SECRET if shape == "TEXT" else shape


HUBSPOT_ERROR = {"category": "TEXT", "message": "TEXT", "status": "TEXT", "subCategory": "TEXT", "errors": ["TEXT"]}
KLAVIYO_ERROR = {"code": "TEXT", "title": "TEXT", "detail": "TEXT", "id": "TEXT", "source": {"pointer": "/data/0"}}
META_ERROR = {"message": "TEXT", "type": "TEXT", "code": "TEXT", "error_subcode": "TEXT", "error_user_msg": "TEXT"}
HUBSPOT, KLAVIYO, META = "https://api.hubapi.com", "https://a.klaviyo.com/api", "https://graph.facebook.com/v25.0/1"


ANSWERS = [
    (Delivery("contact"), HUBSPOT, HUBSPOT_ERROR),
    (Delivery("contact", mode=Mode.UPDATE), HUBSPOT, {"results": "TEXT", "errors": [HUBSPOT_ERROR]}),
    (Delivery("list", "L"), KLAVIYO, {"errors": [KLAVIYO_ERROR], "data": []}),
    (Delivery("custom_audience", "1", key="external_id"), META, {"error": META_ERROR, "num_received": "TEXT"}),
]
MERGING = ("contact", "list")


@pytest.mark.parametrize("status", [200, 207, 400, 404, 409, 422, 429, 500])
@pytest.mark.parametrize(
    ("delivery", "url", "body", "op"),
    [(*answer, op) for answer in ANSWERS for op in Op if op is not Op.MERGE or answer[0].object in MERGING],
)
@responses.activate
def test_no_word_of_an_answer_gets_out(
    fake_time: FakeTime, caplog: pytest.LogCaptureFixture, delivery: Delivery, url: str, body: Any, op: Op, status: int
) -> None:
    caplog.set_level("DEBUG", "reverse_etl")
    for method in ("GET", "POST", "DELETE"):
        responses.add(method, re.compile(re.escape(url)), status=status, json=poisoned(body))
    settings: dict[str, Any] = {
        "contact": HubSpotSettings(access_token=SecretStr("t")),
        "list": KlaviyoSettings(api_key=SecretStr("t")),
        "custom_audience": MetaSettings(access_token=SecretStr("t")),
    }
    name = {"contact": "hubspot", "list": "klaviyo", "custom_audience": "meta"}[delivery.object]
    destination = connect(name, settings[delivery.object], sleep=fake_time.sleep, clock=fake_time.clock)
    row = make_row("key", op, known_as="7", email="other@example.com", external_id="key", weft_tier="a")
    said = ""
    try:
        results = destination.send(delivery, op, [row._replace(into="into")])
        said = json.dumps([found[1:] for found in results])
    except WeftError as error:
        said = f"{error}{error!r}{vars(error)}"
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        pytest.fail(f"{type(error).__name__} on an answer that makes no sense")

    assert said
    assert SECRET not in said + caplog.text
