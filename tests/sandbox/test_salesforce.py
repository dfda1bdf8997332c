"""The Salesforce org behaves as the vendor says it does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
import requests

from sandbox.salesforce.api import Salesforce
from sandbox.server import Running, start

DATA = "/services/data/v68.0"
COLLECTIONS = f"{DATA}/composite/sobjects"
JOBS = f"{DATA}/jobs/ingest"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
APP = {"client_id": "weft-demo-app", "client_secret": "weft-demo-secret"}
REFRESH = {"grant_type": "refresh_token", **APP, "refresh_token": "weft-demo-refresh"}

Call = Callable[..., requests.Response]


@pytest.fixture(scope="module")
def org() -> Iterator[Running]:
    with start() as running:
        yield running


def token(org: Running, form: dict[str, str]) -> requests.Response:
    return requests.post(f"{org.url}/salesforce/services/oauth2/token", data=form, timeout=5)


@pytest.fixture(scope="module")
def call(org: Running) -> Call:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token(org, REFRESH).json()['access_token']}"

    def made(method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        return session.request(method, f"{org.url}/salesforce{path}", json=body, timeout=10, **options)

    return made


def record(**fields: Any) -> dict[str, Any]:
    return {"attributes": {"type": "Contact"}, **fields}


def upsert(call: Call, *records: dict[str, Any]) -> requests.Response:
    return call("PATCH", f"{COLLECTIONS}/Contact/Weft_Id__c", {"allOrNone": False, "records": list(records)})


def code(reply: requests.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()[0]["errorCode"]


def run_job(call: Call, content: str | bytes, **changes: Any) -> dict[str, Any]:
    """Run a job and return what it says of itself, with its three results."""
    body = {"object": "Contact", "operation": "upsert", "externalIdFieldName": "Weft_Id__c", **changes}
    job = call("POST", JOBS, {name: value for name, value in body.items() if value}).json()["id"]
    data = content.encode() if isinstance(content, str) else content
    assert call("PUT", f"{JOBS}/{job}/batches", data=data, headers={"Content-Type": "text/csv"}).status_code == 201
    assert call("PATCH", f"{JOBS}/{job}", {"state": "UploadComplete"}).json()["state"] in ("UploadComplete", "Failed")
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        told: dict[str, Any] = call("GET", f"{JOBS}/{job}").json()
        if told["state"] in ("JobComplete", "Failed"):
            names = ("successfulResults", "failedResults", "unprocessedrecords")
            return told | {name: call("GET", f"{JOBS}/{job}/{name}").content.decode() for name in names}
        time.sleep(0.02)
    raise AssertionError("the job did not end")


def test_a_refresh_token_gives_a_token_without_an_end(org: Running) -> None:
    told = token(org, REFRESH).json()
    assert told["instance_url"] == f"{org.url}/salesforce"
    assert "expires_in" not in told


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_id": "x"}, "invalid_client_id"),
        ({"client_secret": "x"}, "invalid_client"),
        ({"refresh_token": "x"}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_a_wrong_refresh_is_refused(org: Running, changes: dict[str, str], error: str) -> None:
    assert token(org, REFRESH | changes).json()["error"] == error


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "access_token"),
        ({"aud": "https://acme.my.salesforce.com"}, "audience is invalid"),
        ({"sub": "else@example.com"}, "user hasn't approved this consumer"),
        ({"iss": "x"}, "client identifier invalid"),
        ({"exp": -10}, "expired authorization code"),
        ({"exp": 600}, "invalid assertion"),
        ({"exp": None}, "invalid assertion"),
    ],
)
def test_an_assertion_is_verified(org: Running, changes: dict[str, Any], told: str) -> None:
    if changes.get("exp"):
        changes = {"exp": time.time() + changes["exp"]}
    api = org.sandbox.apis["salesforce"]
    assert isinstance(api, Salesforce)
    api.sign_in_with_key()
    good = {"iss": "weft-demo-app", "sub": api.user, "aud": "https://login.salesforce.com", "exp": time.time() + 170}
    claims = {name: value for name, value in (good | changes).items() if value is not None}
    signed = jwt.encode(claims, api.private_key, "RS256")
    assert told in token(org, {"grant_type": JWT_BEARER, "assertion": signed}).text

    forged = jwt.encode(good, "a-secret-that-is-long-enough-for-hs256", "HS256")
    assert "invalid assertion" in token(org, {"grant_type": JWT_BEARER, "assertion": forged}).text


def test_a_call_needs_a_session(org: Running) -> None:
    reply = requests.get(f"{org.url}/salesforce{DATA}/sobjects/Contact/describe", timeout=5)
    assert code(reply) == (401, "INVALID_SESSION_ID")


def test_a_describe_tells_fields_and_how_many_calls_are_used(call: Call) -> None:
    reply = call("GET", f"{DATA}/sobjects/contact/describe")
    fields = {field["name"]: field for field in reply.json()["fields"]}
    assert fields["Weft_Id__c"]["externalId"]
    assert (fields["Email"]["idLookup"], fields["LastName"]["nillable"]) == (True, False)
    assert reply.headers["Sforce-Limit-Info"].startswith("api-usage=")
    assert code(call("GET", f"{DATA}/sobjects/Shoe__c/describe")) == (404, "NOT_FOUND")


def test_a_collection_is_answered_in_order_one_by_one(call: Call, org: Running) -> None:
    reply = upsert(
        call,
        record(Weft_Id__c="o1", lastname="One", Email="o1@example.com"),
        record(Weft_Id__c="o2", LastName="Two", Email="nobody"),
        record(Weft_Id__c="o3"),
        record(Weft_Id__c="o4", LastName="Four", weft_tier__c="lead"),
        record(Weft_Id__c="o5", LastName="x" * 81),
        record(Weft_Id__c="o6", LastName="Six", Name="Six"),
        record(Weft_Id__c="o7", LastName="a"),
        record(Weft_Id__c="O7", LastName="b"),
        record(LastName="b"),
    )
    assert reply.status_code == 200
    assert [one["success"] or one["errors"][0]["statusCode"] for one in reply.json()] == [
        True,
        "INVALID_EMAIL_ADDRESS",
        "REQUIRED_FIELD_MISSING",
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "STRING_TOO_LONG",
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        "DUPLICATE_VALUE",
        "DUPLICATE_VALUE",
        "MISSING_ARGUMENT",
    ]
    again = upsert(call, record(weft_id__c="O1", FirstName="Olga")).json()[0]
    assert (again["id"], again["created"]) == (reply.json()[0]["id"], False)
    [kept] = [one for one in org.accounts["salesforce"].members("Contact") if one.get("Weft_Id__c") == "O1"]
    assert (kept["FirstName"], kept["LastName"]) == ("Olga", "One")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"ShoeSize__c": 1}, "INVALID_FIELD"),
        ({"Id": "003100000000001AAA"}, "INVALID_FIELD"),
        ({"FirstName": 7}, "JSON_PARSER_ERROR"),
        ({"weft_lifetime_value__c": "many"}, "JSON_PARSER_ERROR"),
        ({"weft_seen_at__c": "2026-07-01 12:00:00"}, "JSON_PARSER_ERROR"),
        ({"weft_active__c": "perhaps"}, "JSON_PARSER_ERROR"),
        ({"attributes": {"type": "Lead"}}, "INVALID_INPUT"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_whole(call: Call, fields: dict[str, Any], expected: str) -> None:
    good = record(Weft_Id__c="whole", LastName="x")
    assert code(upsert(call, good, {**record(Weft_Id__c="w2", LastName="x"), **fields})) == (400, expected)
    assert code(upsert(call, *[good] * 201)) == (400, "EXCEEDED_MAX_SIZE_REQUEST")
    query = "SELECT Id FROM Contact WHERE Weft_Id__c IN ('whole')"
    assert call("GET", f"{DATA}/query", params={"q": query}).json()["totalSize"] == 0


def test_an_update_by_id_and_a_query(call: Call) -> None:
    one = upsert(call, record(Weft_Id__c="q'1", LastName="x")).json()[0]["id"]
    told = call(
        "PATCH", COLLECTIONS, {"records": [record(id=one, LastName="y"), record(id="003", LastName="z")]}
    ).json()
    assert [found.get("id") or found["errors"][0]["statusCode"] for found in told] == [one, "MALFORMED_ID"]

    query = "SELECT Id, LastName FROM Contact WHERE Weft_Id__c IN ('Q\\'1','none')"
    [found] = call("GET", f"{DATA}/query", params={"q": query}).json()["records"]
    assert (found["Id"], found["LastName"]) == (one, "y")
    for wrong, expected in [
        ("SELECT Shoe FROM Contact", "INVALID_FIELD"),
        ("SELECT Id FROM Shoe", "INVALID_TYPE"),
        ("DROP TABLE Contact", "MALFORMED_QUERY"),
    ]:
        assert code(call("GET", f"{DATA}/query", params={"q": wrong})) == (400, expected)
    long = call("GET", f"{DATA}/query", params={"q": f"SELECT Id FROM Contact WHERE Weft_Id__c IN ('{'x' * 17_000}')"})
    assert code(long) == (414, "URI_TOO_LONG")


def test_a_query_is_answered_2000_records_at_a_time(call: Call) -> None:
    run_job(call, "Weft_Id__c,LastName\n" + "".join(f"page{n},x\n" for n in range(2_001)))
    first = call("GET", f"{DATA}/query", params={"q": "SELECT Id FROM Contact"}).json()
    assert (len(first["records"]), first["done"]) == (2_000, False)
    assert call("GET", first["nextRecordsUrl"]).json()["done"]


def test_a_job_writes_empties_and_leaves_alone(call: Call, org: Running) -> None:
    upsert(call, record(Weft_Id__c="j1", LastName="x", FirstName="A", Phone="1", Email="j1@example.com"))
    told = run_job(
        call,
        'weft_id__c,LastName,FirstName,Phone,Email\nj1,"y, ""z""\n2",#N/A,,\nj2,Two,,,nobody\nj3,,,,\n',
    )

    assert (told["state"], told["numberRecordsProcessed"], told["numberRecordsFailed"]) == ("JobComplete", 3, 2)
    [kept] = [one for one in org.accounts["salesforce"].members("Contact") if one.get("Weft_Id__c") == "j1"]
    assert [kept[name] for name in ("LastName", "FirstName", "Phone")] == ['y, "z"\n2', None, "1"]
    assert told["successfulResults"].startswith('"sf__Id","sf__Created","weft_id__c","LastName"')
    assert 'INVALID_EMAIL_ADDRESS:Email: invalid email address: nobody:Email --","j2"' in told["failedResults"]
    assert "REQUIRED_FIELD_MISSING" in told["failedResults"]
    assert told["unprocessedrecords"].count("\n") == 1


@pytest.mark.parametrize(
    "content",
    [
        "Weft_Id__c,Shoe__c\nx1,1\n",
        "Weft_Id__c,LastName\r\nx1,x\r\n",
        "Weft_Id__c,LastName\nx1\n",
        'Weft_Id__c,LastName\nx1, "x"\n',
        'Weft_Id__c,LastName\nx1,"x\n',
        "Weft_Id__c,LastName,lastname\nx1,x,y\n",
        "",
    ],
)
def test_content_that_is_not_csv_to_the_letter_fails_the_job(call: Call, content: str) -> None:
    assert run_job(call, content)["state"] == "Failed"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"object": "Shoe__c"}, "INVALIDENTITY"),
        ({"operation": "replace"}, "INVALIDJOB"),
        ({"operation": "hardDelete"}, "FEATURENOTENABLED"),
        ({"externalIdFieldName": "LastName"}, "INVALIDJOB"),
        ({"operation": "update"}, "INVALIDJOB"),
        ({"lineEnding": "CR"}, "INVALIDJOB"),
        ({"shoe": 1}, "JSON_PARSER_ERROR"),
    ],
)
def test_a_wrong_job_is_not_opened(call: Call, changes: dict[str, Any], expected: str) -> None:
    body = {"object": "Contact", "operation": "upsert", "externalIdFieldName": "Weft_Id__c"}
    assert code(call("POST", JOBS, body | changes)) == (400, expected)


def test_a_job_takes_content_once_and_only_while_it_is_open(call: Call) -> None:
    body = {"object": "Contact", "operation": "update"}
    job = call("POST", JOBS, body).json()["id"]
    headers = {"Content-Type": "text/csv"}
    for _ in range(2):
        assert call("PUT", f"{JOBS}/{job}/batches", data=b"Id\n", headers=headers).status_code == 201
    assert code(call("PATCH", f"{JOBS}/{job}", {"state": "UploadComplete"})) == (400, "INVALIDJOBSTATE")
    assert code(call("GET", f"{JOBS}/{job}/failedResults")) == (400, "INVALIDJOBSTATE")
    assert code(call("PUT", f"{JOBS}/{job}/batches", data=b"Id\n", headers={"Content-Type": "text/plain"}))[0] == 415
    assert call("PATCH", f"{JOBS}/{job}", {"state": "Aborted"}).json()["state"] == "Aborted"
    assert code(call("PUT", f"{JOBS}/{job}/batches", data=b"Id\n", headers=headers)) == (400, "INVALIDJOBSTATE")
    assert call("DELETE", f"{JOBS}/{job}").status_code == 204
    assert code(call("GET", f"{JOBS}/{job}")) == (404, "NOT_FOUND")


def test_records_are_created_and_put_into_the_recycle_bin(call: Call) -> None:
    [made] = call("POST", COLLECTIONS, {"records": [record(LastName="x")]}).json()
    assert made["created"]
    told = call("DELETE", COLLECTIONS, params={"ids": made["id"]}).json()
    assert told[0]["success"]
    told = call("DELETE", COLLECTIONS, params={"ids": made["id"]}).json()
    assert told[0]["errors"][0]["statusCode"] == "ENTITY_IS_DELETED"
    assert run_job(call, "LastName\nx\n", operation="insert", externalIdFieldName=None)["numberRecordsFailed"] == 0


def test_the_day_has_so_many_calls(org: Running, call: Call) -> None:
    api = org.sandbox.apis["salesforce"]
    assert code_of(api.throttled(60_000).body) == ("REQUEST_LIMIT_EXCEEDED", "TotalRequests")
    assert code_of(api.throttled(1).body) == ("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests")


def code_of(body: Any) -> tuple[str, str]:
    return body[0]["errorCode"], body[0]["message"].split()[0]
