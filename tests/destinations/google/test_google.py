"""Google: what is asked of it, and what it says of a request and of its rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import responses
from pydantic import SecretStr, ValidationError

from reverse_etl.destinations.base import Delivery, Destination, Mode
from reverse_etl.destinations.google.codes import CODES, REFUSALS
from reverse_etl.destinations.google.payloads import event, member, size
from reverse_etl.destinations.google.settings import Consent, GoogleSettings
from reverse_etl.destinations.google.statuses import results
from reverse_etl.destinations.registry import connect
from reverse_etl.errors import BatchRefused, DestinationDown, DestinationRefused
from reverse_etl.http import encode
from reverse_etl.rows import Op, Outcome, Row, RowResult
from sandbox.google.keys import key_file
from tests.destinations.conftest import FakeTime, make_row
from tests.destinations.google.case import digest

URL = "https://datamanager.googleapis.com/v1"
TOKENS = "https://oauth2.googleapis.com/token"
AUDIENCE = Delivery("audience", "7000000001", mode=Mode.MIRROR, key="email")
CONVERSION = Delivery("conversion", "9000000001", mode=Mode.APPEND, key="event_id")
SETTINGS = GoogleSettings(
    service_account=SecretStr(key_file(TOKENS)),
    account_id="1234567890",
    login_account_id="9876543210",
    consents=frozenset(Consent),
    customer_match_terms="accepted",
)


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(TOKENS, json={"access_token": "ya29.one", "expires_in": 3_599, "token_type": "Bearer"})
        yield mock


@pytest.fixture
def google(fake_time: FakeTime, http: responses.RequestsMock) -> Destination:
    return opened(SETTINGS, fake_time)


def opened(settings: GoogleSettings, fake_time: FakeTime) -> Destination:
    return connect("google", settings, sleep=fake_time.sleep, clock=fake_time.clock)


def person(name: str, **options: Any) -> Row:
    return make_row(f"{name}@example.com", email=f"{name}@example.com", **options)


ROWS = [person("bea"), person("anna")]


def order(name: str, **values: Any) -> Row:
    given = {"occurred_at": "2026-11-20T08:00:00", "email": f"{name}@example.com"}
    return make_row(name, event_id=name, **{**given, **values})


def sent(call: responses.BaseResponse) -> Any:
    return json.loads(call.calls[0].request.body or b"")


def outcomes(told: list[RowResult] | None) -> dict[str, tuple[str, str]]:
    return {result.key: (result.outcome.value, result.code) for result in told or []}


def refusal(status: str, *reasons: str, quota: str = "") -> dict[str, Any]:
    violations = [{"field": "audience_members[0]", "description": "anna@example.com", "reason": r} for r in reasons]
    details: list[dict[str, Any]] = [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": status, "metadata": {"quota_limit": quota}},
        {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations},
    ]
    return {"error": {"code": 400, "message": "anna@example.com", "status": status, "details": details}}


# what is sent


def test_members_are_sent_hashed_with_the_stated_consents_and_terms(
    google: Destination, http: responses.RequestsMock
) -> None:
    call = http.post(f"{URL}/audienceMembers:ingest", json={"requestId": "r1"})
    rows = [person("anna", phone="0151 12345678", country="DE"), person("bea")]

    told = google.send(AUDIENCE, Op.ADD, rows)

    assert {(result.outcome, result.job_id) for result in told} == {(Outcome.ACCEPTED, "r1")}
    assert sent(call) == {
        "destinations": [
            {
                "operatingAccount": {"accountType": "GOOGLE_ADS", "accountId": "1234567890"},
                "loginAccount": {"accountType": "GOOGLE_ADS", "accountId": "9876543210"},
                "productDestinationId": "7000000001",
            }
        ],
        "audienceMembers": [
            {
                "userData": {
                    "userIdentifiers": [
                        {"emailAddress": digest("anna@example.com")},
                        {"phoneNumber": digest("+4915112345678")},
                    ]
                }
            },
            {"userData": {"userIdentifiers": [{"emailAddress": digest("bea@example.com")}]}},
        ],
        "encoding": "HEX",
        "consent": {"adPersonalization": "CONSENT_GRANTED", "adUserData": "CONSENT_GRANTED"},
        "termsOfService": {"customerMatchTermsOfServiceStatus": "ACCEPTED"},
    }
    assert call.calls[0].request.headers["Authorization"] == "Bearer ya29.one"


def test_neither_terms_nor_consents_are_said_unless_somebody_states_them(
    fake_time: FakeTime, http: responses.RequestsMock
) -> None:
    call = http.post(f"{URL}/audienceMembers:ingest", json={"requestId": "r1"})
    silent = SETTINGS.model_copy(update={"customer_match_terms": None, "consents": frozenset()})

    opened(silent, fake_time).send(AUDIENCE, Op.ADD, ROWS)

    assert not {"termsOfService", "consent"} & set(sent(call))
    with pytest.raises(ValidationError, match="consents"):
        GoogleSettings(service_account=SecretStr("{}"), account_id="1")  # type: ignore[call-arg]
    assert GoogleSettings.model_fields["customer_match_terms"].default is None


def test_a_removal_says_no_more_than_whom(google: Destination, http: responses.RequestsMock) -> None:
    call = http.post(f"{URL}/audienceMembers:remove", json={"requestId": "r2"})

    google.send(AUDIENCE, Op.REMOVE, ROWS)

    assert set(sent(call)) == {"destinations", "audienceMembers", "encoding"}


def test_a_row_that_nobody_can_be_found_by_is_not_sent(google: Destination, http: responses.RequestsMock) -> None:
    call = http.post(f"{URL}/audienceMembers:ingest", json={"requestId": "r1"})
    nobody = make_row("nobody", email="nobody", first_name="Anna", last_name="Berg", country="DE")

    told = google.send(AUDIENCE, Op.ADD, [person("anna"), nobody])

    assert outcomes(told) == {"anna@example.com": ("accepted", ""), "nobody": ("permanent", "nothing_to_match")}
    assert len(sent(call)["audienceMembers"]) == 1
    assert outcomes(google.send(AUDIENCE, Op.REMOVE, [nobody])) == {"nobody": ("applied", "never_sent")}


def test_an_address_is_told_whole_or_not_at_all() -> None:
    whole = {"first_name": "Anna", "last_name": "Berg", "country": "de", "postal_code": "50667"}

    assert member(AUDIENCE, whole) == {
        "userData": {
            "userIdentifiers": [
                {
                    "address": {
                        "givenName": digest("anna"),
                        "familyName": digest("berg"),
                        "regionCode": "DE",
                        "postalCode": "50667",
                    }
                }
            ]
        }
    }
    for missing in whole:
        assert member(AUDIENCE, whole | {missing: None}) is None


def test_a_feed_keyed_by_mobile_ids_fills_an_audience_of_mobile_ids() -> None:
    device = "38400000-8CF0-11BD-B23E-10B96E40000D"
    payload = {"mobile_ad_id": device, "email": "anna@example.com"}

    assert member(replace(AUDIENCE, key="mobile_ad_id"), payload) == {"mobileData": {"mobileIds": [device.lower()]}}
    assert "mobileData" not in (member(AUDIENCE, payload) or {})


def test_a_conversion_has_its_id_for_google_to_know_it_again() -> None:
    row = order("o-1", gclid="Cj0", value="12.50", currency="eur", event_source="web", event_name="purchase", tier=3)

    assert event(row.payload) == {
        "transactionId": "o-1",
        "eventTimestamp": "2026-11-20T08:00:00Z",
        "userData": {"userIdentifiers": [{"emailAddress": digest("o-1@example.com")}]},
        "adIdentifiers": {"gclid": "Cj0"},
        "conversionValue": 12.5,
        "currency": "EUR",
        "eventSource": "WEB",
        "eventName": "purchase",
        "customVariables": [{"variable": "tier", "value": "3"}],
    }


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"occurred_at": "yesterday"}, "bad_time"),
        ({"occurred_at": None}, "bad_time"),
        ({"occurred_at": 1_700_000_000}, "bad_time"),
        ({"value": "much"}, "bad_value"),
        ({"email": None}, "nothing_to_match"),
    ],
)
def test_what_cannot_be_a_conversion_is_told_without_spoiling_a_request(values: dict[str, Any], code: str) -> None:
    assert event(order("o-1", **values).payload) == code
    assert CODES[code].outcome is Outcome.PERMANENT


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        (datetime(2026, 11, 20, 8, tzinfo=UTC), "2026-11-20T08:00:00Z"),
        (datetime(2026, 11, 20, 8, tzinfo=timezone(timedelta(hours=1))), "2026-11-20T07:00:00Z"),
        ("2026-11-20 08:00:00.25", "2026-11-20T08:00:00.250000Z"),
        ("2026-11-20T08:00:00Z", "2026-11-20T08:00:00Z"),
    ],
)
def test_a_moment_is_told_in_utc(moment: Any, told: str) -> None:
    made = event(order("o-1", occurred_at=moment).payload)
    assert isinstance(made, dict)
    assert made["eventTimestamp"] == told


def test_a_row_is_measured_at_least_as_long_as_it_is_sent() -> None:
    full: dict[str, Any] = {
        "email": "a@b.de",
        "phone": "+4915112345678",
        "first_name": "A",
        "last_name": "B",
        "country": "DE",
        "postal_code": "50667",
    }
    for row in (person("anna"), make_row("a@b.de", **full)):
        assert size(row) >= len(encode(member(AUDIENCE, row.payload))) + 1
    everything = order(
        "ö" * 50, **full, gclid="x" * 200, value=1.5, currency="EUR", weather="schön " * 50, event_name="p"
    )
    for row in (order("o-1"), everything):
        assert size(row) >= len(encode(event(row.payload))) + 1


# what is said of a call


def test_a_check_has_a_made_up_row_looked_at_and_nothing_taken(
    google: Destination, http: responses.RequestsMock
) -> None:
    for delivery, path in ((AUDIENCE, "audienceMembers"), (CONVERSION, "events")):
        call = http.post(f"{URL}/{path}:ingest", json={})
        google.check(delivery)
        assert sent(call)["validateOnly"] is True
        assert len(sent(call)[path]) == 1


@pytest.mark.parametrize("reason", sorted(REFUSALS))
def test_what_no_row_is_to_blame_for_stops_the_run(
    google: Destination, http: responses.RequestsMock, reason: str
) -> None:
    status = 403 if reason in ("PERMISSION_DENIED", "SERVICE_DISABLED") else 400
    http.post(f"{URL}/audienceMembers:ingest", status=status, json=refusal("INVALID_ARGUMENT", reason))

    for attempt in (lambda: google.check(AUDIENCE), lambda: google.send(AUDIENCE, Op.ADD, ROWS)):
        with pytest.raises(DestinationRefused, match=reason) as raised:
            attempt()
        assert raised.value.fix
        assert "anna" not in str(raised.value)


def test_terms_that_nobody_accepted_are_named_by_their_setting(
    google: Destination, http: responses.RequestsMock
) -> None:
    answer = refusal("INVALID_ARGUMENT", "TERMS_AND_CONDITIONS_NOT_SIGNED")
    http.post(f"{URL}/audienceMembers:ingest", status=400, json=answer)

    with pytest.raises(DestinationRefused, match="customer_match_terms: accepted"):
        google.check(AUDIENCE)


@pytest.mark.parametrize(
    ("reason", "code"), [("INVALID_COUNTRY_CODE", "INVALID_COUNTRY_CODE"), ("INVALID_HEX_ENCODING", "other")]
)
def test_a_row_that_spoils_a_request_gives_the_batch_back(
    google: Destination, http: responses.RequestsMock, reason: str, code: str
) -> None:
    http.post(f"{URL}/audienceMembers:ingest", status=400, json=refusal("INVALID_ARGUMENT", reason))

    with pytest.raises(BatchRefused) as raised:
        google.send(AUDIENCE, Op.ADD, ROWS)

    assert raised.value.code == code


def test_a_spent_quota_of_the_minute_is_waited_for_and_one_of_the_day_is_not(
    google: Destination, http: responses.RequestsMock, naps: list[float]
) -> None:
    path = f"{URL}/audienceMembers:ingest"
    minute = refusal("RESOURCE_EXHAUSTED", quota="IngestionMutateRequestsPerMinutePerProject")
    http.post(path, status=429, json=minute)
    http.post(path, json={"requestId": "r1"})
    google.send(AUDIENCE, Op.ADD, ROWS)
    assert 30 <= naps[0] <= 31

    http.replace("POST", path, status=429, json=refusal("RESOURCE_EXHAUSTED", quota="IngestionMutateRequestsPerDay"))
    with pytest.raises(DestinationRefused, match="quota of the day"):
        google.send(AUDIENCE, Op.ADD, ROWS)


def test_a_token_that_is_refused_is_renewed_once(google: Destination, http: responses.RequestsMock) -> None:
    http.replace("POST", TOKENS, json={"access_token": "ya29.one", "expires_in": 3_599})
    http.post(TOKENS, json={"access_token": "ya29.two", "expires_in": 3_599})
    call = http.post(f"{URL}/audienceMembers:ingest", status=401, json={"error": {"status": "UNAUTHENTICATED"}})
    again = http.post(f"{URL}/audienceMembers:ingest", json={"requestId": "r1"})

    told = google.send(AUDIENCE, Op.ADD, ROWS)

    assert {result.job_id for result in told} == {"r1"}
    assert call.calls[0].request.headers["Authorization"] == "Bearer ya29.one"
    assert again.calls[0].request.headers["Authorization"] == "Bearer ya29.two"


def test_a_call_that_google_fails_is_given_up_after_six_attempts(
    google: Destination, http: responses.RequestsMock
) -> None:
    call = http.post(f"{URL}/events:ingest", status=503, json=refusal("UNAVAILABLE"))

    with pytest.raises(DestinationDown):
        google.send(CONVERSION, Op.ADD, [order("o-1")])

    assert len(call.calls) == 6


@pytest.mark.parametrize("target", [None, "", "audiences/7", "../7", "\uff11"])
def test_a_target_that_is_no_id_is_refused_without_a_call(google: Destination, target: str | None) -> None:
    with pytest.raises(DestinationRefused, match="numbers"):
        google.check(replace(AUDIENCE, target=target))

    assert google.traffic.calls == 0


def test_an_account_is_named_by_its_number_with_dashes_or_without() -> None:
    def named(account_id: Any) -> str:
        return GoogleSettings(service_account=SecretStr("{}"), account_id=account_id, consents=frozenset()).account_id

    assert named("123-456-7890") == named(1234567890) == "1234567890"
    with pytest.raises(ValidationError, match="account's number"):
        named("customers/123")


# what is said of rows

THREE = [make_row(key, email=key) for key in ("c@example.com", "a@example.com", "b@example.com")]


def status(state: str, *errors: tuple[str, int, list[int]], total: int = 3) -> dict[str, Any]:
    counts = [
        {"reason": f"PROCESSING_ERROR_REASON_{reason}", "recordCount": str(count), "recordIndices": places}
        for reason, count, places in errors
    ]
    return {
        "requestStatusPerDestination": [
            {
                "requestStatus": state,
                "audienceMembersIngestionStatus": {"userDataIngestionStatus": {"recordCount": str(total)}},
                "errorInfo": {"errorCounts": counts},
            }
        ]
    }


A, B, C = "a@example.com", "b@example.com", "c@example.com"
APPLIED = ("applied", "")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (status("SUCCESS"), {A: APPLIED, B: APPLIED, C: APPLIED}),
        (
            status("PARTIAL_SUCCESS", ("INVALID_FORMAT", 1, [1])),
            {A: APPLIED, B: ("permanent", "INVALID_FORMAT"), C: APPLIED},
        ),
        (
            status("PARTIAL_SUCCESS", ("DENIED_CONSENT", 1, [0]), ("DUPLICATE_TRANSACTION_ID", 1, [2])),
            {A: ("info", "DENIED_CONSENT"), B: APPLIED, C: ("applied", "DUPLICATE_TRANSACTION_ID")},
        ),
        (
            status("PARTIAL_SUCCESS", ("INTERNAL_ERROR", 2, [0])),
            {A: ("transient", "INTERNAL_ERROR"), B: ("ambiguous", "unnamed_error"), C: ("ambiguous", "unnamed_error")},
        ),
        (
            status("PARTIAL_SUCCESS"),
            dict.fromkeys((A, B, C), ("ambiguous", "unnamed_error")),
        ),
        (status("FAILED"), dict.fromkeys((A, B, C), ("transient", "request_failed"))),
        (status("FAILED", ("NO_CONSENT", 3, [])), dict.fromkeys((A, B, C), ("info", "NO_CONSENT"))),
        (
            status("FAILED", ("EVENT_TOO_OLD", 1, [0]), ("INVALID_EVENT", 2, [1, 2])),
            {A: ("permanent", "EVENT_TOO_OLD"), B: ("permanent", "INVALID_EVENT"), C: ("permanent", "INVALID_EVENT")},
        ),
        (
            status("PARTIAL_SUCCESS", ("INVALID_FORMAT", 1, [1]), total=4),
            dict.fromkeys((A, B, C), ("ambiguous", "row_count")),
        ),
        (
            status("PARTIAL_SUCCESS", ("anna@example.com 77", 1, [1])),
            {A: APPLIED, B: ("permanent", "other"), C: APPLIED},
        ),
    ],
)
def test_each_row_has_the_reason_that_google_names_it_with(answer: Any, told: dict[str, tuple[str, str]]) -> None:
    assert outcomes(results(THREE, answer)) == told


@pytest.mark.parametrize("state", ["PROCESSING", "REQUEST_STATUS_UNKNOWN"])
def test_a_request_stays_open_until_google_is_done(
    google: Destination, http: responses.RequestsMock, state: str
) -> None:
    http.get(f"{URL}/requestStatus:retrieve", json=status(state))

    assert google.settle(AUDIENCE, "r1", THREE) is None


def test_a_request_of_which_nothing_is_known_yet_stays_open() -> None:
    assert results(THREE, {}) is None
    assert results(THREE, {"requestStatusPerDestination": []}) is None


def test_a_warning_is_no_refusal() -> None:
    answer = status("SUCCESS")
    answer["requestStatusPerDestination"][0]["warningInfo"] = {
        "warningCounts": [
            {
                "reason": "PROCESSING_WARNING_REASON_CUSTOM_VARIABLE_NOT_ENABLED",
                "recordCount": "1",
                "recordIndices": [0],
            }
        ]
    }
    assert set(outcomes(results(THREE, answer)).values()) == {APPLIED}


@pytest.mark.parametrize("code", [400, 404])
def test_rows_of_a_request_that_google_forgot_are_sent_again(
    google: Destination, http: responses.RequestsMock, code: int
) -> None:
    http.get(f"{URL}/requestStatus:retrieve", status=code, json=refusal("NOT_FOUND", "INVALID_REQUEST_ID"))

    assert set(outcomes(google.settle(AUDIENCE, "r1", THREE)).values()) == {("transient", "request_gone")}
