"""HubSpot's companies: by a property that is unique, or by a domain, which is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
import responses
from pydantic import SecretStr

from reverse_etl.destinations.base import Delivery, Destination, Mode
from reverse_etl.destinations.hubspot.destination import HubSpotSettings
from reverse_etl.destinations.hubspot.records import SEARCH_CHARACTERS, in_searches
from reverse_etl.destinations.registry import connect
from reverse_etl.errors import AmbiguousCall, DestinationRefused
from reverse_etl.rows import Op, Outcome, RowResult
from sandbox.hubspot.api import HubSpot
from sandbox.server import Running
from tests.destinations.conftest import FakeTime, make_row

URL = "https://api.hubapi.com/crm/objects/2026-03/companies"
PROPERTIES = "https://api.hubapi.com/crm/properties/2026-03/companies"
BY_DOMAIN = Delivery("company", key="domain")
BY_ID = Delivery("company", key="weft_company_id", mode=Mode.MIRROR)


@pytest.fixture
def hubspot(fake_time: FakeTime) -> Destination:
    settings = HubSpotSettings(access_token=SecretStr("pat-test"))
    return connect("hubspot", settings, sleep=fake_time.sleep, clock=fake_time.clock)


@pytest.fixture
def simulated(sandbox: Running, fake_time: FakeTime) -> Destination:
    sandbox.sandbox.reset()
    settings = HubSpotSettings(base_url=f"{sandbox.url}/hubspot", access_token=SecretStr(HubSpot.key))
    return connect("hubspot", settings, sleep=fake_time.sleep, clock=fake_time.clock)


def company(label: str, op: Op = Op.ADD, **payload: Any) -> Any:
    return make_row(f"{label}.example.com", op, domain=f"{label}.example.com", **payload)


def sent(call: responses.BaseResponse) -> Any:
    return [json.loads(one.request.body or b"") for one in call.calls]


def outcomes(results: list[RowResult]) -> list[tuple[str, str]]:
    return [(result.outcome.value, result.code) for result in results]


@responses.activate
def test_a_company_is_upserted_by_the_property_that_the_sync_is_keyed_by(hubspot: Destination) -> None:
    call = responses.post(f"{URL}/batch/upsert", json={"results": [{"id": "7", "objectWriteTraceId": "0"}]})
    row = make_row("C-1", weft_company_id="C-1", name="Acme")

    assert hubspot.send(BY_ID, Op.ADD, [row]) == [RowResult("C-1", Outcome.APPLIED, destination_id="7")]
    [body] = sent(call)
    assert body["inputs"][0]["idProperty"] == "weft_company_id"
    assert body["inputs"][0]["properties"] == {"weft_company_id": "C-1", "name": "Acme"}


@responses.activate
def test_by_domain_the_oldest_company_is_updated_and_one_that_is_not_found_created(hubspot: Destination) -> None:
    found = [
        {"id": "20", "properties": {"domain": "ACME.example.com"}},
        {"id": "3", "properties": {"domain": "other.net", "hs_additional_domains": "acme.example.com;x.net"}},
    ]
    search = responses.post(f"{URL}/search", json={"total": 2, "results": found})
    update = responses.post(f"{URL}/batch/update", json={"results": [{"id": "3", "objectWriteTraceId": "0"}]})
    create = responses.post(
        f"{URL}/batch/create", status=201, json={"results": [{"id": "21", "objectWriteTraceId": "0"}]}
    )

    results = hubspot.send(BY_DOMAIN, Op.ADD, [company("acme", name="Acme"), company("new", name="New")])

    assert [(one.key, one.outcome.value, one.destination_id) for one in results] == [
        ("acme.example.com", "applied", "3"),
        ("new.example.com", "applied", "21"),
    ]
    [asked] = sent(search)
    assert asked["filterGroups"][0]["filters"][0]["values"] == ["acme.example.com", "new.example.com"]
    assert sent(update)[0]["inputs"] == [{"id": "3", "objectWriteTraceId": "0", "properties": {"name": "Acme"}}]
    assert sent(create)[0]["inputs"] == [
        {"objectWriteTraceId": "0", "properties": {"domain": "new.example.com", "name": "New"}}
    ]


@responses.activate
def test_two_domains_of_one_company_are_both_written(hubspot: Destination) -> None:
    both = {"id": "3", "properties": {"domain": "a.example.com", "hs_additional_domains": "b.example.com"}}
    responses.post(f"{URL}/search", json={"total": 1, "results": [both]})
    update = responses.post(f"{URL}/batch/update", json={"results": [{"id": "3", "objectWriteTraceId": "0"}]})

    results = hubspot.send(BY_DOMAIN, Op.ADD, [company("a", weft_tier="x"), company("b", weft_tier="y")])

    assert outcomes(results) == [("applied", ""), ("applied", "")]
    assert [one["inputs"][0]["properties"] for one in sent(update)] == [{"weft_tier": "x"}, {"weft_tier": "y"}]


@responses.activate
def test_a_call_that_creates_companies_is_not_repeated_when_it_breaks_off(hubspot: Destination) -> None:
    responses.post(f"{URL}/search", json={"total": 0, "results": []})
    create = responses.post(f"{URL}/batch/create", status=502)

    with pytest.raises(AmbiguousCall):
        hubspot.send(BY_DOMAIN, Op.ADD, [company("new")])
    assert len(create.calls) == 1


def test_a_search_keeps_to_the_length_that_hubspot_takes() -> None:
    domains = [f"{'x' * 40}{n}.example.com" for n in range(150)]
    chunks = list(in_searches(domains))

    assert [one for chunk in chunks for one in chunk] == domains
    assert all(len(json.dumps(chunk, separators=(",", ":"))) <= SEARCH_CHARACTERS + 2 for chunk in chunks)
    assert [len(chunk) for chunk in in_searches([str(n) for n in range(150)])] == [100, 50]


@responses.activate
def test_a_key_that_is_not_unique_there_is_refused_before_the_first_batch(hubspot: Destination) -> None:
    responses.get(URL, json={"results": []})
    told = [{"name": "weft_company_id", "hasUniqueValue": False}, {"name": "domain"}]
    responses.get(PROPERTIES, json={"results": told})

    with pytest.raises(DestinationRefused, match="weft_company_id"):
        hubspot.check(BY_ID)
    hubspot.check(BY_DOMAIN)


@pytest.mark.parametrize("kind", ["company", "contact"])
@responses.activate
def test_a_property_that_is_missing_is_named_before_the_first_batch(hubspot: Destination, kind: str) -> None:
    plural = {"company": "companies", "contact": "contacts"}[kind]
    responses.get(URL.replace("companies", plural), json={"results": []})
    responses.get(PROPERTIES.replace("companies", plural), json={"results": [{"name": "domain"}, {"name": "email"}]})

    with pytest.raises(DestinationRefused, match="weft_tier"):
        hubspot.check(Delivery(kind, key="domain", fields=frozenset({"domain", "weft_tier"})))


@responses.activate
def test_a_token_that_may_not_read_properties_can_still_send(hubspot: Destination) -> None:
    responses.get(URL, json={"results": []})
    responses.get(PROPERTIES, status=403, json={"category": "MISSING_SCOPES"})

    hubspot.check(Delivery("company", key="weft_company_id", fields=frozenset({"weft_company_id"})))


@pytest.mark.parametrize("delivery", [BY_DOMAIN, BY_ID])
def test_who_leaves_keeps_its_key_and_what_is_not_ours(
    simulated: Destination, sandbox: Running, delivery: Delivery
) -> None:
    values: dict[str, Any] = {
        "weft_company_id": "C-1",
        "domain": "acme.example.com",
        "name": "Acme",
        "weft_tier": "gold",
    }
    [added] = simulated.send(delivery, Op.ADD, [make_row(values[delivery.key], **values)])
    for known_as in (added.destination_id, None):
        row = make_row(values[delivery.key], Op.REMOVE, known_as=known_as, **values)
        [removed] = simulated.send(delivery, Op.REMOVE, [row])
        assert removed.outcome is Outcome.APPLIED

    [left] = sandbox.accounts["hubspot"].members("companies")
    emptied = {"weft_tier"} | ({"weft_company_id"} - {delivery.key})
    assert left == {name: value for name, value in values.items() if name not in emptied}


@pytest.mark.parametrize("key", ["domain", "weft_company_id"])
def test_an_update_creates_no_company(simulated: Destination, sandbox: Running, key: str) -> None:
    payload: dict[str, Any] = {key: "a.example.com", "name": "A"}
    results = simulated.send(
        Delivery("company", key=key, mode=Mode.UPDATE), Op.ADD, [make_row("a.example.com", **payload)]
    )

    assert outcomes(results) == [("info", "not_found")]
    assert sandbox.accounts["hubspot"].members("companies") == []
