"""Columns, types and file format of every raw table, in the shapes that common load tools give them."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

_TYPES = {
    "text": pa.string(),
    "int": pa.int64(),
    "bool": pa.bool_(),
    "moment": pa.timestamp("us"),
    "date": pa.date32(),
    "money": pa.decimal128(12, 2),
}


@dataclass(frozen=True, slots=True)
class RawTable:
    """One raw table.

    Attributes:
        source: The system that it comes from.
        name: Its name there.
        format: ``parquet``, ``csv`` or ``ndjson``.
        schema: Its columns.
    """

    source: str
    name: str
    format: str
    schema: pa.Schema

    @property
    def suffix(self) -> str:
        """The ending of its files."""
        return f".{self.format}"


def _table(source: str, name: str, columns: str, file_format: str = "parquet") -> RawTable:
    """Columns are written as words, ``name`` for text and ``name:type`` for the rest."""
    pairs = [(column.partition(":")[0], column.partition(":")[2] or "text") for column in columns.split()]
    return RawTable(source, name, file_format, pa.schema([(column, _TYPES[kind]) for column, kind in pairs]))


_SEGMENT_TIMES = "original_timestamp:moment sent_at:moment received_at:moment timestamp:moment"
_FIVETRAN = "_fivetran_deleted:bool _fivetran_synced:moment"

TABLES: tuple[RawTable, ...] = (
    _table(
        "segment",
        "identifies",
        "id anonymous_id user_id email phone first_name last_name context_page_url context_user_agent context_locale"
        f" context_ip context_library_name {_SEGMENT_TIMES}",
    ),
    _table(
        "segment",
        "tracks",
        "id anonymous_id user_id event event_text properties context_page_url context_user_agent context_locale"
        f" context_campaign_name context_library_name {_SEGMENT_TIMES}",
    ),
    _table(
        "segment",
        "pages",
        "id anonymous_id user_id name path url title referrer search context_campaign_source context_campaign_medium"
        f" context_campaign_name context_user_agent context_locale {_SEGMENT_TIMES}",
    ),
    _table(
        "shopify",
        "customer",
        "id:int email phone first_name last_name state verified_email:bool email_marketing_consent_state"
        " email_marketing_consent_consent_updated_at:moment note tags currency created_at:moment updated_at:moment"
        f" {_FIVETRAN}",
    ),
    _table(
        "shopify",
        "customer_address",
        "id:int customer_id:int address_1 city province_code country_code zip phone is_default:bool"
        " _fivetran_synced:moment",
    ),
    _table(
        "shopify",
        "order",
        "id:int customer_id:int email phone order_number:int name source_name currency subtotal_price:money"
        " total_discounts:money total_tax:money total_price:money financial_status fulfillment_status"
        " cancelled_at:moment cancel_reason billing_address_country_code shipping_address_zip created_at:moment"
        f" processed_at:moment updated_at:moment {_FIVETRAN}",
    ),
    _table(
        "shopify",
        "order_line",
        "id:int order_id:int product_id:int variant_id:int sku title quantity:int price:money total_discount:money"
        " _fivetran_synced:moment",
    ),
    _table("shopify", "order_discount_code", "order_id:int index:int code amount:money type _fivetran_synced:moment"),
    _table(
        "shopify", "refund", "id:int order_id:int created_at:moment processed_at:moment note _fivetran_synced:moment"
    ),
    _table(
        "shopify",
        "order_line_refund",
        "id:int refund_id:int order_line_id:int quantity:int subtotal:money total_tax:money _fivetran_synced:moment",
    ),
    _table(
        "hubspot",
        "contact",
        "id:int property_email property_firstname property_lastname property_phone property_country property_jobtitle"
        " property_lifecyclestage property_hs_email_optout:bool property_createdate:moment"
        f" property_lastmodifieddate:moment {_FIVETRAN}",
    ),
    _table(
        "hubspot",
        "company",
        "id:int property_name property_domain property_country property_industry property_numberofemployees:int"
        f" property_createdate:moment {_FIVETRAN}",
    ),
    _table("hubspot", "contact_company", "contact_id:int company_id:int type_id:int _fivetran_synced:moment"),
    _table(
        "pos",
        "loyalty_member",
        "member_id email phone first_name last_name birth_date:date country_code tier enrolled_at:moment"
        " updated_at:moment loaded_at:moment",
        "csv",
    ),
    _table(
        "pos",
        "purchase",
        "receipt_id store_id terminal_id member_id purchased_at:moment currency total:money discount:money"
        " item_count:int voucher_code loaded_at:moment",
        "csv",
    ),
    _table(
        "pos",
        "purchase_line",
        "receipt_id line_number:int sku quantity:int price:money loaded_at:moment",
        "csv",
    ),
    _table(
        "klaviyo",
        "person",
        "id email phone_number first_name last_name city country zip timezone custom_source created:moment"
        f" updated:moment last_event_date:moment {_FIVETRAN}",
    ),
    _table("klaviyo", "metric", f"id name integration_name created:moment updated:moment {_FIVETRAN}"),
    _table(
        "klaviyo",
        "event",
        "id person_id metric_id type campaign_id flow_id datetime:moment uuid property_subject property_campaign_name"
        f" property_url property_bounce_type property_email_domain property_client_type {_FIVETRAN}",
    ),
    _table(
        "zendesk",
        "user",
        "id:int email phone name external_id locale created_at:moment updated_at:moment loaded_at:moment",
        "ndjson",
    ),
    _table(
        "zendesk",
        "ticket",
        "id:int requester_id:int subject status priority channel created_at:moment updated_at:moment loaded_at:moment",
        "ndjson",
    ),
    _table(
        "zendesk",
        "satisfaction_rating",
        "id:int ticket_id:int requester_id:int score created_at:moment loaded_at:moment",
        "ndjson",
    ),
    _table(
        "consent",
        "decision",
        "decision_id user_id email phone country_code purpose status jurisdiction channel decided_at:moment"
        " loaded_at:moment",
        "csv",
    ),
    _table("consent", "erasure_request", "request_id user_id email requested_at:moment loaded_at:moment", "csv"),
    _table("truth", "record", "source table_name raw_id person_id"),
)

BY_NAME = {f"{table.source}/{table.name}": table for table in TABLES}
