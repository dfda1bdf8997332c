"""Raw files in, staging contracts out: what empty, repeated, late, edited and deleted rows come to."""

from __future__ import annotations

import json
from typing import Any

from tests.staging.conftest import Project, declared, write_table

DAY_1 = "2026-06-30 23:00:00"
DAY_2 = "2026-07-01 23:00:00"

CUSTOMER = {
    "id": "7",
    "email": " Anna@Example.com",
    "first_name": "Anna ",
    "last_name": "",
    "email_marketing_consent_state": "subscribed",
    "email_marketing_consent_consent_updated_at": "2026-01-01 00:00:00",
    "created_at": "2026-01-01 00:00:00",
    "updated_at": "2026-06-01 00:00:00",
    "_fivetran_deleted": "false",
    "_fivetran_synced": DAY_1,
}
ORDER = {
    "id": "100",
    "customer_id": "7",
    "source_name": "web",
    "currency": "EUR",
    "total_price": "80.10",
    "total_discounts": "5.00",
    "financial_status": "paid",
    "created_at": "2026-06-29 12:00:00",
    "updated_at": "2026-06-29 12:00:00",
    "_fivetran_deleted": "false",
    "_fivetran_synced": DAY_1,
}
GUEST = ORDER | {
    "id": "101",
    "customer_id": None,
    "phone": "0170 1234567",
    "billing_address_country_code": "DE",
    "source_name": "pos",
}
VIEW = {
    "id": "t1",
    "anonymous_id": "device",
    "user_id": "7",
    "event": "product_viewed",
    "properties": '{"product_id": "p1", "value": 12.5}',
    "timestamp": "2026-06-30 10:00:00",
    "received_at": "2026-06-30 10:00:01",
}
RECEIPT = {
    "receipt_id": "R1",
    "member_id": "L0000001",
    "purchased_at": "2026-06-28 09:00:00",
    "currency": "EUR",
    "total": "19.99",
    "loaded_at": DAY_1,
}


def day_one() -> dict[str, list[dict[str, Any]]]:
    return {
        "shopify/customer": [CUSTOMER],
        "shopify/customer_address": [
            {"id": "1", "customer_id": "7", "country_code": "at", "phone": "0664 1234567", "is_default": "true"}
        ],
        "shopify/order": [
            ORDER,
            GUEST,
            ORDER | {"id": "102", "financial_status": "voided", "cancelled_at": DAY_1},
            ORDER | {"id": "103", "_fivetran_deleted": "true"},
        ],
        "shopify/order_line": [
            {"id": "1", "order_id": "100", "quantity": "2", "_fivetran_synced": DAY_1},
            {"id": "2", "order_id": "100", "quantity": "1", "_fivetran_synced": DAY_1},
        ],
        "shopify/order_discount_code": [{"order_id": "100", "index": "0", "code": "SUMMER", "_fivetran_synced": DAY_1}],
        "segment/tracks": [
            VIEW,
            VIEW,
            VIEW | {"id": "t2", "properties": "{broken", "timestamp": "2031-01-01 00:00:00"},
        ],
        "pos/purchase": [RECEIPT, RECEIPT | {"receipt_id": "R2", "member_id": ""}],
        "zendesk/user": [{"id": 900, "email": "ANNA@example.com", "external_id": "7", "loaded_at": DAY_1}],
        "zendesk/ticket": [
            {"id": 1, "requester_id": 900, "channel": "web", "created_at": "2026-06-30 08:00:00", "loaded_at": DAY_1}
        ],
    }


def events(project: Project) -> dict[str, tuple[Any, ...]]:
    rows = project.query("select event_id, identifier_type, identifier_value, cast(occurred_at as varchar) from events")
    return {row[0]: row[1:] for row in rows}


def properties(project: Project, event: str) -> dict[str, Any]:
    ((text,),) = project.query(f"select properties from events where event_id = '{event}'")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def test_a_warehouse_without_a_row_builds_and_two_days_of_rows_come_out_right(project: Project) -> None:
    project.write({})
    project.build("--exclude-resource-type", "unit_test")
    assert project.query("select count(*) from events") == [(0,)]

    project.write(day_one())
    write_table(
        project.raw,
        "pos/purchase",
        declared()["pos/purchase"],
        [RECEIPT | {"total": "9.99", "loaded_at": DAY_2}],
        day=2,
    )
    write_table(
        project.raw,
        "shopify/customer",
        declared()["shopify/customer"],
        [CUSTOMER | {"_fivetran_deleted": "true", "_fivetran_synced": DAY_2}],
        day=2,
    )
    project.build("--exclude-resource-type", "unit_test")

    assert events(project) == {
        "segment:tracks:t1": ("user_id", "7", "2026-06-30 10:00:00"),  # delivered twice
        "segment:tracks:t2": ("user_id", "7", "2026-06-30 10:00:01"),  # a clock that is years ahead
        "shopify:order:100": ("user_id", "7", "2026-06-29 12:00:00"),
        "shopify:order:101": ("phone", "+491701234567", "2026-06-29 12:00:00"),
        "pos:purchase:R1": ("loyalty_id", "L0000001", "2026-06-28 09:00:00"),
        "zendesk:ticket:1": ("zendesk_id", "900", "2026-06-30 08:00:00"),
    }
    order = properties(project, "shopify:order:100")
    assert (order["total"], order["item_count"], order["coupon"], order["channel"]) == (80.1, 3, "SUMMER", "web")
    assert properties(project, "shopify:order:101")["channel"] == "store"
    assert properties(project, "pos:purchase:R1")["total"] == 9.99  # corrected the day after
    # The account was deleted: it ties nothing together any more, and its consent is withdrawn.
    assert project.query("select count(*) from identifiers where record_id = 'customer:7'") == [(0,)]
    assert project.query("select count(*) from traits where source = 'shopify'") == [(0,)]
    assert project.query("select identifier_value, status from consents") == [("anna@example.com", "denied")]
    assert project.query("select count(*) from identifiers where record_id = 'user:900'") == [(3,)]


def test_packs_that_are_switched_off_need_no_files(project: Project) -> None:
    columns = declared()
    for name in ("loyalty_member", "purchase", "purchase_line"):
        write_table(project.raw, f"pos/{name}", columns[f"pos/{name}"], [])
    project.build("--vars", json.dumps({"sources": {"pos": ["identifiers", "events", "traits"]}}))
    assert project.query("select count(*) from consents") == [(0,)]
