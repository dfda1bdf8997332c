"""The Data Manager API behaves as Google says it does."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import requests

from sandbox.google.api import MANAGER, OPERATING, Google
from sandbox.google.keys import EMAIL, GRANT, SCOPE
from sandbox.server import Running, start

Call = Callable[..., requests.Response]
INGEST, REMOVE, EVENTS = "/v1/audienceMembers:ingest", "/v1/audienceMembers:remove", "/v1/events:ingest"
OWN = {"Authorization": f"Bearer {Google.key}"}
DEVICE = "38400000-8cf0-11bd-b23e-10b96e40000d"


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with start() as made:
        yield made


@pytest.fixture
def sandbox(running: Running) -> Running:
    """One server for all tests here, emptied before each."""
    running.clear_faults()
    for table in ("members", "jobs", "history"):
        running.sandbox.store.execute(f"delete from {table}")
    return running


@pytest.fixture
def google(sandbox: Running, client: Callable[..., Call]) -> Call:
    return client(f"{sandbox.url}/google", OWN)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def to(target: str = Google.audience, account: str = OPERATING, **more: Any) -> dict[str, Any]:
    return {
        "operatingAccount": {"accountType": "GOOGLE_ADS", "accountId": account},
        "productDestinationId": target,
        **more,
    }


def identified(**identifier: Any) -> dict[str, Any]:
    return {"userData": {"userIdentifiers": [{name: value} for name, value in identifier.items()]}}


def person(name: str, **more: Any) -> dict[str, Any]:
    return identified(emailAddress=digest(f"{name}@example.com"), **more)


def members(*people: Any, **over: Any) -> dict[str, Any]:
    terms = {"customerMatchTermsOfServiceStatus": "ACCEPTED"}
    body = {"destinations": [to()], "audienceMembers": list(people), "encoding": "HEX", "termsOfService": terms}
    return {name: value for name, value in (body | over).items() if value is not None}


def leaving(*people: Any) -> dict[str, Any]:
    return members(*people, termsOfService=None)


def events(*given: Any, **over: Any) -> dict[str, Any]:
    return {"destinations": [to(Google.conversion)], "events": list(given), "encoding": "HEX", **over}


def event(name: str, **fields: Any) -> dict[str, Any]:
    stamp = datetime.now(UTC).isoformat(timespec="seconds")
    return {"transactionId": name, "eventTimestamp": stamp, **person(name), **fields}


def status(google: Call, request_id: str) -> dict[str, Any]:
    """Wait for a request and return its status at its only destination."""
    for _ in range(200):
        [told] = google("GET", "/v1/requestStatus:retrieve", requestId=request_id).json()["requestStatusPerDestination"]
        if told["requestStatus"] != "PROCESSING":
            return dict(told)
        time.sleep(0.01)
    raise AssertionError("the request was not processed")


def sent(google: Call, path: str, body: Any) -> dict[str, Any]:
    reply = google("POST", path, body)
    assert reply.status_code == 200, reply.text
    return status(google, reply.json()["requestId"])


def reason(reply: requests.Response) -> str:
    details = reply.json()["error"]["details"]
    fields = [field["reason"] for detail in details for field in detail.get("fieldViolations", [])]
    return str((fields or [details[0]["reason"]])[0])


def test_members_are_added_once_and_removed_by_any_identifier(sandbox: Running, google: Call) -> None:
    phone = digest("+4915112345678")
    told = sent(google, INGEST, members(person("anna", phoneNumber=phone), person("bea")))
    sent(google, INGEST, members(person("bea")))
    assert told["requestStatus"] == "SUCCESS"
    assert told["audienceMembersIngestionStatus"]["userDataIngestionStatus"]["userIdentifierCount"] == "3"
    assert sandbox.accounts["google"].lists[Google.audience] == 2

    told = sent(google, REMOVE, leaving(identified(phoneNumber=phone), person("nobody")))
    assert told["audienceMembersRemovalStatus"]["userDataRemovalStatus"]["recordCount"] == "2"
    assert sandbox.accounts["google"].members(Google.audience) == [{"emailAddress": digest("bea@example.com")}]


def test_nothing_is_done_before_the_request_is_processed(google: Call, sandbox: Running) -> None:
    sandbox.fault("job_stuck", "google")
    request_id = google("POST", INGEST, members(person("anna"))).json()["requestId"]
    [told] = google("GET", "/v1/requestStatus:retrieve", requestId=request_id).json()["requestStatusPerDestination"]
    assert told["requestStatus"] == "PROCESSING"
    assert sandbox.accounts["google"].lists[Google.audience] == 0

    sandbox.clear_faults()
    assert status(google, request_id)["requestStatus"] == "SUCCESS"
    sandbox.fault("job_failed", "google")
    assert sent(google, INGEST, members(person("bea")))["requestStatus"] == "FAILED"
    assert sandbox.accounts["google"].lists[Google.audience] == 1


def test_refused_rows_are_told_by_their_places(google: Call, sandbox: Running) -> None:
    sandbox.fault("refuse_rows", "google", match=digest("bad@example.com"))
    people = [person("anna"), person("bad"), person("bea") | {"consent": {"adUserData": "CONSENT_DENIED"}}]

    told = sent(google, INGEST, members(*people))

    assert told["requestStatus"] == "PARTIAL_SUCCESS"
    assert [(count["reason"], count["recordIndices"]) for count in told["errorInfo"]["errorCounts"]] == [
        ("PROCESSING_ERROR_REASON_DENIED_CONSENT", [2]),
        ("PROCESSING_ERROR_REASON_INVALID_FORMAT", [1]),
    ]
    assert sandbox.accounts["google"].lists[Google.audience] == 1


def test_one_row_of_a_wrong_form_spoils_the_whole_request(google: Call, sandbox: Running) -> None:
    reply = google("POST", INGEST, members(person("anna"), identified(emailAddress="bea@example.com")))

    assert (reply.status_code, reply.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert reason(reply) == "INVALID_HEX_ENCODING"
    assert sandbox.accounts["google"].lists[Google.audience] == 0


def test_what_is_only_to_be_validated_is_not_taken(google: Call, sandbox: Running) -> None:
    reply = google("POST", INGEST, members(person("anna"), validateOnly=True))

    assert (reply.status_code, reply.json()) == (200, {})
    assert google("POST", INGEST, members(identified(emailAddress="x"), validateOnly=True)).status_code == 400
    assert sandbox.accounts["google"].lists[Google.audience] == 0


def test_hashes_in_base64_and_more_than_one_destination_are_taken_too(google: Call, sandbox: Running) -> None:
    hashed = base64.b64encode(hashlib.sha256(b"anna@example.com").digest()).decode()
    both = [to(reference="one", loginAccount={"accountId": MANAGER, "product": "GOOGLE_ADS"}), to(reference="two")]
    body = members(identified(emailAddress=hashed), encoding="BASE64", destinations=both)
    request_id = google("POST", INGEST, body).json()["requestId"]

    told = google("GET", "/v1/requestStatus:retrieve", requestId=request_id).json()["requestStatusPerDestination"]

    assert [one["destination"]["reference"] for one in told] == ["one", "two"]
    assert sandbox.accounts["google"].lists[Google.audience] in (0, 1)


ADDRESS = {"givenName": digest("anna"), "familyName": digest("berg"), "regionCode": "DE", "postalCode": "50667"}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(members(*[person("a")] * 10_001), "TOO_MANY_AUDIENCE_MEMBERS", id="10,001 members"),
        pytest.param(members(), "REQUIRED_FIELD_MISSING", id="no members"),
        pytest.param(members(person("a"), encoding=None), "REQUIRED_FIELD_MISSING", id="no encoding"),
        pytest.param(members(person("a"), termsOfService=None), "TERMS_AND_CONDITIONS_NOT_SIGNED", id="no terms"),
        pytest.param(members(person("a"), destinations=[]), "REQUIRED_FIELD_MISSING", id="no destination"),
        pytest.param(members(person("a"), destinations=[to()] * 11), "TOO_MANY_DESTINATIONS", id="11 destinations"),
        pytest.param(members(person("a"), destinations=[to("999")]), "INVALID_USER_LIST_ID", id="no such audience"),
        pytest.param(
            members(person("a"), destinations=[to(Google.mobile_audience)]),
            "INVALID_USER_LIST_TYPE",
            id="other audience",
        ),
        pytest.param(members({}), "INVALID_AUDIENCE_MEMBER", id="empty member"),
        pytest.param(members({"userData": {}}), "REQUIRED_FIELD_MISSING", id="no identifier"),
        pytest.param(
            members({"userData": {"userIdentifiers": person("a")["userData"]["userIdentifiers"] * 11}}),
            "TOO_MANY_USER_IDENTIFIERS",
            id="11 identifiers",
        ),
        pytest.param(
            members({"userData": {"userIdentifiers": [{"emailAddress": digest("a"), "phoneNumber": digest("b")}]}}),
            "INVALID_ARGUMENT",
            id="two in one",
        ),
        pytest.param(members(identified(phoneNumber="ab" * 20)), "INVALID_SHA256_FORMAT", id="a shorter hash"),
        pytest.param(
            members(identified(address=ADDRESS | {"regionCode": "Germany"})), "INVALID_COUNTRY_CODE", id="country"
        ),
        pytest.param(
            members(identified(address={**ADDRESS, "postalCode": ""})), "REQUIRED_FIELD_MISSING", id="no code"
        ),
        pytest.param(
            members(person("a"), {"mobileData": {"mobileIds": [DEVICE]}}),
            "MULTIPLE_DATA_TYPES_NOT_ALLOWED",
            id="two kinds",
        ),
        pytest.param(members(person("a") | {"name": "Anna"}), "INVALID_ARGUMENT", id="unknown field"),
        pytest.param(members(person("a"), encoding="HEXADECIMAL"), "INVALID_ARGUMENT", id="unknown value"),
        pytest.param(members(person("a"), validateOnly="yes"), "INVALID_ARGUMENT", id="wrong type"),
        pytest.param([], "REQUIRED_FIELD_MISSING", id="not an object"),
    ],
)
def test_a_bad_request_is_refused_with_its_reason(google: Call, body: Any, why: str) -> None:
    reply = google("POST", INGEST, body)

    assert (reply.status_code, reason(reply)) == (400, why)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        pytest.param(events(*[event("a")] * 2_001), "TOO_MANY_EVENTS", id="2,001 events"),
        pytest.param(events({"transactionId": "a", **person("a")}), "REQUIRED_FIELD_MISSING", id="no time"),
        pytest.param(events(event("a", eventTimestamp="2026-11-22 08:00:00")), "INVALID_ARGUMENT", id="wrong time"),
        pytest.param(events(event("a", userData={})), "NO_IDENTIFIERS_PROVIDED", id="nobody"),
        pytest.param(events(event("a", currency="euro")), "INVALID_CURRENCY_CODE", id="currency"),
        pytest.param(events(event("a", conversionValue="much")), "INVALID_ARGUMENT", id="value"),
        pytest.param(events(event("a", eventSource="SHOP")), "INVALID_ARGUMENT", id="source"),
        pytest.param(events(event("a"), destinations=[to()]), "INVALID_CONVERSION_ACTION_ID", id="an audience"),
        pytest.param(events(event("a"), termsOfService={}), "INVALID_ARGUMENT", id="unknown field"),
    ],
)
def test_a_bad_request_with_events_is_refused_with_its_reason(google: Call, given: Any, why: str) -> None:
    reply = google("POST", EVENTS, given)

    assert (reply.status_code, reason(reply)) == (400, why)


def test_a_conversion_counts_once(google: Call, sandbox: Running) -> None:
    first = sent(google, EVENTS, events(event("o-1", conversionValue=12.5), event("o-2", adIdentifiers={"gclid": "x"})))
    old = (datetime.now(UTC) - timedelta(days=91)).isoformat()
    again = sent(google, EVENTS, events(event("o-1"), event("o-3", eventTimestamp=old), event("o-4"), event("o-4")))

    assert (first["requestStatus"], first["eventsIngestionStatus"]) == ("SUCCESS", {"recordCount": "2"})
    assert {count["reason"][24:]: count["recordIndices"] for count in again["errorInfo"]["errorCounts"]} == {
        "DUPLICATE_TRANSACTION_ID": [0, 3],
        "EVENT_TOO_OLD": [1],
    }
    held = sandbox.accounts["google"].members(Google.conversion)
    assert [one["transactionId"] for one in held] == ["o-1", "o-2", "o-4"]
    assert held[0]["conversionValue"] == "12.5"


def test_mobile_ids_have_an_audience_of_their_own(google: Call, sandbox: Running) -> None:
    body = members({"mobileData": {"mobileIds": [DEVICE]}}, destinations=[to(Google.mobile_audience)], encoding=None)

    told = sent(google, INGEST, body)

    assert told["audienceMembersIngestionStatus"]["mobileDataIngestionStatus"]["mobileIdCount"] == "1"
    assert sandbox.accounts["google"].members(Google.mobile_audience) == [{"mobileId": DEVICE}]
    bad = members({"mobileData": {"mobileIds": ["x"]}}, destinations=[to(Google.mobile_audience)])
    assert reason(google("POST", INGEST, bad)) == "INVALID_MOBILE_ID_FORMAT"


def test_one_call_empties_an_audience(google: Call, sandbox: Running) -> None:
    sent(google, INGEST, members(person("anna"), person("bea")))
    google("POST", "/v1/audienceMembers:removeAll", {"destinations": [to()]})

    assert sandbox.accounts["google"].lists[Google.audience] == 0


def test_other_accounts_tokens_and_requests_are_refused(google: Call) -> None:
    assert google("POST", INGEST, members(person("a"), destinations=[to(account="1")])).status_code == 403
    other = {"accountId": "5", "accountType": "GOOGLE_ADS"}
    assert google("POST", INGEST, members(person("a"), destinations=[to(loginAccount=other)])).status_code == 403
    assert google("POST", INGEST, members(person("a")), {"Authorization": "Bearer nobody"}).status_code == 401
    assert reason(google("GET", "/v1/requestStatus:retrieve", requestId="nothing")) == "INVALID_REQUEST_ID"


def test_a_quota_that_is_spent_is_named_and_writing_and_reading_have_their_own(client: Callable[..., Call]) -> None:
    with start(limit_scale=0.01) as running:
        call = client(f"{running.url}/google", OWN)
        replies = [call("POST", INGEST, members(person("a"))) for _ in range(4)]
        assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
        error = replies[-1].json()["error"]
        assert error["status"] == "RESOURCE_EXHAUSTED"
        assert "PerMinute" in error["details"][0]["metadata"]["quota_limit"]
        assert "Retry-After" not in replies[-1].headers
        assert call("GET", "/v1/requestStatus:retrieve", requestId="x").status_code == 400


def test_a_token_is_given_for_what_the_service_account_signed(sandbox: Running) -> None:
    told = sandbox.environment()
    key = json.loads(told["GOOGLE_SERVICE_ACCOUNT"])
    now = int(time.time())
    claims = {"iss": EMAIL, "scope": SCOPE, "aud": key["token_uri"], "iat": now, "exp": now + 3_600}

    def ask(grant: str = GRANT, **over: Any) -> dict[str, Any]:
        assertion = jwt.encode(claims | over, key["private_key"], algorithm="RS256")
        form = {"grant_type": grant, "assertion": assertion}
        return dict(requests.post(key["token_uri"], data=form, timeout=5).json())

    assert ask()["access_token"] == Google.key
    assert ask(exp=now - 10)["error"] == "invalid_grant"
    assert ask(exp=now + 7_200)["error"] == "invalid_grant"
    assert ask(aud="https://elsewhere.example")["error"] == "invalid_grant"
    assert ask(iss="somebody@example.com")["error"] == "invalid_grant"
    assert ask(scope="https://www.googleapis.com/auth/adwords")["error"] == "invalid_scope"
    assert ask(grant="password")["error"] == "unsupported_grant_type"
