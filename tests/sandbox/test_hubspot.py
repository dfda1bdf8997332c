"""The HubSpot account behaves as the vendor says it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from sandbox.server import Running, start

Call = Callable[..., requests.Response]
BASES = ("/crm/objects/2026-03/contacts", "/crm/v3/objects/contacts")
BATCH = f"{BASES[0]}/batch"


def contact(email: str, **properties: Any) -> dict[str, Any]:
    return {
        "id": email,
        "idProperty": "email",
        "objectWriteTraceId": email[:3],
        "properties": {**properties, "email": email},
    }


def inputs(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"inputs": list(rows)}


@pytest.mark.parametrize("base", BASES)
def test_a_batch_creates_then_updates(sandbox: Running, hubspot: Call, base: str) -> None:
    created = hubspot("POST", f"{base}/batch/upsert", inputs(contact("Ann@example.com", firstname="Ann")))
    updated = hubspot("POST", f"{base}/batch/upsert", inputs(contact("ann@example.com", weft_lifetime_value="12.5")))

    assert (created.status_code, updated.status_code) == (200, 200)
    assert [reply.json()["results"][0]["new"] for reply in (created, updated)] == [True, False]
    assert created.json()["results"][0]["id"] == updated.json()["results"][0]["id"]
    assert sandbox.accounts["hubspot"].records == [
        {"email": "ann@example.com", "firstname": "Ann", "weft_lifetime_value": "12.5"}
    ]
    remaining = int(updated.headers["X-HubSpot-RateLimit-Remaining"])
    assert remaining < int(updated.headers["X-HubSpot-RateLimit-Max"])


def test_a_bad_row_fails_alone_with_207(sandbox: Running, hubspot: Call) -> None:
    reply = hubspot(
        "POST", f"{BATCH}/upsert", inputs(contact("ann@example.com", weft_tier="a"), contact("not an address"))
    )
    body = reply.json()

    assert reply.status_code == 207
    assert (len(body["results"]), body["numErrors"]) == (1, 1)
    assert body["errors"][0]["category"] == "VALIDATION_ERROR"
    assert body["errors"][0]["context"] == {"ids": ["not an address"], "objectWriteTraceId": ["not"]}
    assert sandbox.accounts["hubspot"].lists["contacts"] == 1


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        pytest.param([contact(f"p{n}@example.com") for n in range(101)], "maximum", id="101 rows"),
        pytest.param([contact("a@example.com"), contact("A@example.com")], "Duplicate IDs", id="the same id twice"),
        pytest.param([contact("a@example.com", favourite="tea")], "PROPERTY_DOESNT_EXIST", id="unknown property"),
        pytest.param([{"id": "1", "properties": {"firstname": "Ann"}}], "non-unique", id="no idProperty"),
        pytest.param([{"id": "a@b.co", "idProperty": "email", "properties": {}}], "No properties", id="no properties"),
    ],
)
def test_a_bad_batch_is_refused_whole(sandbox: Running, hubspot: Call, rows: list[Any], says: str) -> None:
    reply = hubspot("POST", f"{BATCH}/upsert", inputs(*rows))

    assert reply.status_code == 400
    assert says in reply.json()["message"]
    assert set(reply.json()) >= {"status", "message", "correlationId", "category"}
    assert sandbox.accounts["hubspot"].records == []


def test_reading_by_email_reports_the_missing_ones(hubspot: Call) -> None:
    hubspot("POST", f"{BATCH}/upsert", inputs(contact("ann@example.com")))
    query = {
        "idProperty": "email",
        "properties": ["email"],
        **inputs({"id": "ann@example.com"}, {"id": "no@example.com"}),
    }
    reply = hubspot("POST", f"{BATCH}/read", query)

    assert reply.status_code == 207
    assert [row["properties"]["email"] for row in reply.json()["results"]] == ["ann@example.com"]
    assert reply.json()["errors"][0]["context"] == {"ids": ["no@example.com"]}


def test_the_list_holds_who_carries_a_weft_property(sandbox: Running, hubspot: Call) -> None:
    rows = (contact("ann@example.com", weft_lifetime_value="12.5", firstname="Ann"), contact("bob@example.com"))
    created = hubspot("POST", f"{BATCH}/upsert", inputs(*rows)).json()["results"][0]["id"]
    account = sandbox.accounts["hubspot"]
    assert account.lists["contacts"] == 1

    hubspot("POST", f"{BATCH}/upsert", inputs(contact("ann@example.com", weft_lifetime_value="20")))
    empty = inputs({"id": created, "properties": {"weft_lifetime_value": ""}})
    for _ in range(2):
        assert hubspot("POST", f"{BATCH}/update", empty).status_code == 200

    assert account.lists["contacts"] == 0
    assert account.records == [{"email": "ann@example.com", "firstname": "Ann"}, {"email": "bob@example.com"}]
    assert [(step["added"], step["changed"], step["removed"]) for step in account.history] == [
        (1, 0, 0),
        (0, 1, 0),
        (0, 0, 1),
    ]


def test_an_update_names_the_contacts_that_do_not_exist(hubspot: Call) -> None:
    created = hubspot("POST", f"{BATCH}/upsert", inputs(contact("ann@example.com"))).json()["results"][0]["id"]
    rows = [{"id": key, "objectWriteTraceId": f"t{key}", "properties": {"phone": ""}} for key in (created, "77")]
    reply = hubspot("POST", f"{BATCH}/update", inputs(*rows))

    assert (reply.status_code, reply.json()["numErrors"]) == (207, 1)
    [result], [error] = reply.json()["results"], reply.json()["errors"]
    assert (result["id"], result["objectWriteTraceId"]) == (created, f"t{created}")
    assert (error["category"], error["context"]) == (
        "OBJECT_NOT_FOUND",
        {"ids": ["77"], "objectWriteTraceId": ["t77"]},
    )


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        pytest.param([{"id": str(n), "properties": {"phone": ""}} for n in range(101)], "maximum", id="101 rows"),
        pytest.param([{**contact("ann@example.com"), "idProperty": "phone"}], "non-unique", id="by phone"),
        pytest.param([{"id": "1", "properties": {"favourite": ""}}], "PROPERTY_DOESNT_EXIST", id="unknown property"),
        pytest.param([], "maximum", id="no rows"),
    ],
)
def test_a_bad_update_is_refused_whole(hubspot: Call, rows: list[Any], says: str) -> None:
    reply = hubspot("POST", f"{BATCH}/update", inputs(*rows))

    assert (reply.status_code, says in reply.json()["message"]) == (400, True)


def test_an_update_by_address_never_creates(sandbox: Running, hubspot: Call) -> None:
    hubspot("POST", f"{BATCH}/upsert", inputs(contact("ann@example.com", firstname="Ann")))
    rows = [{"id": f"{who}@example.com", "idProperty": "email", "properties": {"phone": "1"}} for who in ("ANN", "no")]
    reply = hubspot("POST", f"{BATCH}/update", inputs(*rows))

    assert (reply.status_code, reply.json()["errors"][0]["category"]) == (207, "OBJECT_NOT_FOUND")
    assert sandbox.accounts["hubspot"].records == [{"email": "ann@example.com", "firstname": "Ann", "phone": "1"}]


def test_a_merge_keeps_both_addresses_and_the_values_of_the_primary_contact(sandbox: Running, hubspot: Call) -> None:
    rows = (
        contact("ann@example.com", weft_tier="gold"),
        contact("bob@example.com", weft_tier="tin", firstname="Bob"),
    )
    created = {
        result["properties"]["email"]: result["id"]
        for result in hubspot("POST", f"{BATCH}/upsert", inputs(*rows)).json()["results"]
    }
    both = {"primaryObjectId": created["ann@example.com"], "objectIdToMerge": created["bob@example.com"]}
    merged = hubspot("POST", f"{BASES[0]}/merge", both)
    again = hubspot("POST", f"{BASES[0]}/merge", both)

    assert (merged.status_code, again.status_code) == (200, 404)
    assert merged.json()["id"] not in created.values()
    [record] = sandbox.accounts["hubspot"].records
    assert record == {
        "email": "ann@example.com",
        "firstname": "Bob",
        "hs_additional_emails": "bob@example.com",
        "weft_tier": "gold",
    }
    assert sandbox.accounts["hubspot"].lists["contacts"] == 1
    found = hubspot("POST", f"{BATCH}/upsert", inputs(contact("bob@example.com", weft_tier="silver"))).json()["results"]
    assert [(row["id"], row["new"], row["properties"]["email"]) for row in found] == [
        (merged.json()["id"], False, "ann@example.com")
    ]


def test_a_search_counts_and_pages_through_what_has_a_property(hubspot: Call) -> None:
    rows = [contact(f"p{n}@example.com", **({"weft_tier": "a"} if n % 2 else {})) for n in range(6)]
    hubspot("POST", f"{BATCH}/upsert", inputs(*rows))
    has = {"filterGroups": [{"filters": [{"propertyName": "weft_tier", "operator": "HAS_PROPERTY"}]}]}
    first = hubspot("POST", f"{BASES[0]}/search", {**has, "limit": 2, "properties": ["email"]}).json()
    last = {"propertyName": "hs_object_id", "operator": "GT", "value": first["results"][-1]["id"]}
    has["filterGroups"][0]["filters"].append(last)
    rest = hubspot("POST", f"{BASES[0]}/search", has).json()

    assert (first["total"], first["paging"]["next"]["after"], rest["total"]) == (3, "2", 1)
    assert [row["properties"]["email"] for row in first["results"] + rest["results"]] == [
        "p1@example.com",
        "p3@example.com",
        "p5@example.com",
    ]
    assert hubspot("POST", f"{BASES[0]}/search", {"filterGroups": [{"filters": []}] * 6}).status_code == 400
    assert hubspot("POST", f"{BASES[0]}/search", {"after": "9990", "limit": 100}).status_code == 400


def test_searches_have_a_limit_of_their_own_that_no_header_tells(client: Callable[..., Call]) -> None:
    with start(limit_scale=0.2) as sandbox:
        hubspot = client(f"{sandbox.url}/hubspot", {"Authorization": "Bearer pat-demo-weft"})
        replies = [hubspot("POST", f"{BASES[0]}/search", {}) for _ in range(30)]

    assert {reply.status_code for reply in replies} == {200, 429}
    assert not [name for name in replies[0].headers if name.lower().startswith("x-hubspot-ratelimit")]


def test_an_empty_string_clears_a_property(sandbox: Running, hubspot: Call) -> None:
    hubspot("POST", f"{BATCH}/upsert", inputs(contact("ann@example.com", phone="+491701234567")))
    hubspot("POST", f"{BATCH}/upsert", inputs(contact("ann@example.com", phone="")))

    assert sandbox.accounts["hubspot"].records == [{"email": "ann@example.com"}]


def test_archiving_takes_the_whole_contact_and_again_does_nothing(sandbox: Running, hubspot: Call) -> None:
    upserted = hubspot("POST", f"{BATCH}/upsert", inputs(contact("ann@example.com", weft_lifetime_value="9"))).json()
    for _ in range(2):
        assert hubspot("POST", f"{BATCH}/archive", inputs({"id": upserted["results"][0]["id"]})).status_code == 204

    account = sandbox.accounts["hubspot"]
    assert (account.lists["contacts"], account.records) == (0, [])


def test_gdpr_delete_blocks_the_address_for_ever(hubspot: Call) -> None:
    erase = {"objectId": "ann@example.com", "idProperty": "email"}
    assert hubspot("POST", f"{BASES[1]}/gdpr-delete", erase).status_code == 204
    assert hubspot("POST", f"{BATCH}/upsert", inputs(contact("ann@example.com"))).json()["numErrors"] == 1


def test_a_wrong_token_is_refused(hubspot: Call) -> None:
    reply = hubspot("POST", f"{BATCH}/upsert", inputs(contact("a@example.com")), headers={"Authorization": "Bearer x"})

    assert (reply.status_code, reply.json()["category"]) == (401, "INVALID_AUTHENTICATION")


def test_the_ten_second_limit_answers_429_without_retry_after(client: Callable[..., Call]) -> None:
    with start(limit_scale=0.02) as sandbox:
        hubspot = client(f"{sandbox.url}/hubspot", {"Authorization": "Bearer pat-demo-weft"})
        replies = [hubspot("GET", "/account-info/v3/details") for _ in range(8)]
    refused = next(reply for reply in replies if reply.status_code == 429)

    assert refused.json()["policyName"] == "TEN_SECONDLY_ROLLING"
    assert "Retry-After" not in refused.headers


COMPANIES = "/crm/objects/2026-03/companies"


def test_companies_are_not_upserted_by_domain_and_two_may_have_one(sandbox: Running, hubspot: Call) -> None:
    acme = {"id": "acme.com", "idProperty": "domain", "properties": {"domain": "acme.com"}}
    refused = hubspot("POST", f"{COMPANIES}/batch/upsert", inputs(acme))
    assert refused.status_code == 400
    assert "by non-unique 0-2 property domain" in refused.json()["message"]

    both = inputs(*({"properties": {"domain": "acme.com", "name": name}} for name in ("A", "B")))
    assert hubspot("POST", f"{COMPANIES}/batch/create", both).status_code == 201
    wanted = {"propertyName": "domain", "operator": "IN", "values": ["ACME.com"]}
    found = hubspot("POST", f"{COMPANIES}/search", {"filterGroups": [{"filters": [wanted]}]}).json()
    assert found["total"] == 2


def test_a_company_is_upserted_by_a_unique_property(sandbox: Running, hubspot: Call) -> None:
    row = {"id": "C-1", "idProperty": "weft_company_id", "properties": {"name": "A", "weft_tier": "gold"}}
    first = hubspot("POST", f"{COMPANIES}/batch/upsert", inputs(row)).json()["results"][0]
    row["properties"] = {"weft_tier": ""}
    second = hubspot("POST", f"{COMPANIES}/batch/upsert", inputs(row)).json()["results"][0]

    assert (first["new"], second["new"], first["id"] == second["id"]) == (True, False, True)
    assert sandbox.accounts["hubspot"].members("companies") == [{"name": "A", "weft_company_id": "C-1"}]


def test_a_search_that_is_too_long_is_refused(hubspot: Call) -> None:
    wanted = {"propertyName": "domain", "operator": "IN", "values": [f"{'x' * 40}{n}.com" for n in range(80)]}
    assert hubspot("POST", f"{COMPANIES}/search", {"filterGroups": [{"filters": [wanted]}]}).status_code == 400


def test_memberships_of_a_list_are_changed_by_ids_and_tell_who_is_missing(sandbox: Running, hubspot: Call) -> None:
    rows = [contact(f"p{n}@example.com") for n in range(2)]
    ids = [row["id"] for row in hubspot("POST", f"{BATCH}/upsert", inputs(*rows)).json()["results"]]
    lists = "/crm/lists/2026-03/201/memberships"

    added = hubspot("PUT", f"{lists}/add", [*ids, "999"]).json()
    assert (added["recordsIdsAdded"], added["recordIdsMissing"]) == (ids, ["999"])
    assert hubspot("PUT", f"{lists}/add", ids).json()["recordsIdsAdded"] == []
    both = {"recordIdsToAdd": [], "recordIdsToRemove": ids[:1]}
    assert hubspot("PUT", f"{lists}/add-and-remove", both).json()["recordIdsRemoved"] == ids[:1]
    assert [one["recordId"] for one in hubspot("GET", lists).json()["results"]] == ids[1:]
    assert hubspot("PUT", "/crm/lists/2026-03/202/memberships/add", ids).status_code == 400
    assert hubspot("PUT", f"{lists}/add", [int(ids[0])]).status_code == 400
    assert hubspot("GET", "/crm/lists/2026-03/contacts").status_code == 404
