"""The truth table knows every record that names a person, and every kind of dirt is there to be dealt with."""

from __future__ import annotations

import pytest

from tests.demo.conftest import Raw

RECORDS = {
    "segment.identifies": "id",
    "shopify.customer": "id",
    'shopify."order"': "id",
    "hubspot.contact": "id",
    "pos.loyalty_member": "member_id",
    "klaviyo.person": "id",
    'zendesk."user"': "id",
    "consent.decision": "decision_id",
}


@pytest.mark.parametrize(("table", "key"), RECORDS.items(), ids=list(RECORDS))
def test_every_record_has_exactly_one_true_person(raw: Raw, table: str, key: str) -> None:
    source, name = table.replace('"', "").split(".")
    assert raw.value(f"select count(*) from {table}")
    assert not raw.rows(
        f"""
        select {key}::varchar as raw_id from {table}
        except select raw_id from truth.record where source = '{source}' and table_name = '{name}'
        """
    )
    ambiguous = (
        "select raw_id from truth.record group by source, table_name, raw_id having count(distinct person_id) > 1"
    )
    assert not raw.rows(ambiguous)


DIRT = {
    "typed-over domains": "select count(*) from segment.identifies where email like '%@mial.example'",
    "title case": "select count(*) from segment.identifies where regexp_matches(email, '^[A-Z][a-z]+.*@[A-Z][a-z]')",
    "upper case": "select count(*) from segment.identifies where email = upper(email)",
    "padding": "select count(*) from segment.identifies where email <> trim(email)",
    "plus addresses": "select count(*) from segment.identifies where email like '%+shop@%'",
    "test address": "select count(*) from segment.identifies where email = 'test@test.com'",
    "missing e-mails": "select count(*) from pos.loyalty_member where email is null",
    "unicode names": "select count(*) from shopify.customer where last_name = 'Müller'",
    "guest orders": """select count(*) from shopify."order" where customer_id is null""",
    "refunds": "select count(*) from shopify.refund",
    "cancelled orders": """select count(*) from shopify."order" where cancelled_at is not null""",
    "deleted accounts": "select count(*) from shopify.customer where _fivetran_deleted and day = 1",
    "erasure requests": "select count(*) from consent.erasure_request where day = 1",
    "hard bounces": "select count(*) from klaviyo.event where property_bounce_type = 'Hard'",
    "withdrawn consents": """
        select count(*) from consent.decision as earlier inner join consent.decision as later
        on earlier.email = later.email and earlier.purpose = later.purpose
        where earlier.status = 'granted' and later.status = 'denied' and later.decided_at > earlier.decided_at
    """,
    "duplicated events": "select count(*) from (select id from segment.tracks group by id having count(*) > 1)",
    "duplicated receipts": """
        select count(*) from (select receipt_id from pos.purchase group by receipt_id having count(*) > 1)
    """,
    "late events": "select count(*) from segment.tracks where received_at > timestamp + interval 1 hour",
    "wrong clocks": "select count(*) from segment.tracks where abs(epoch(original_timestamp - timestamp)) > 86400",
    "events without sent_at": "select count(*) from segment.tracks where sent_at is null",
    "events without properties": "select count(*) from segment.tracks where properties is null",
    "purchases without a card": "select count(*) from pos.purchase where member_id is null",
}


@pytest.mark.parametrize("sql", DIRT.values(), ids=list(DIRT))
def test_every_kind_of_dirt_is_present(raw: Raw, sql: str) -> None:
    assert raw.value(sql) > 0


def test_phones_are_written_in_six_ways(raw: Raw) -> None:
    shapes = (
        "^[+]\\d+$",
        "^[+]\\d+( \\d+)+$",
        "^00\\d+ \\d+$",
        "^\\d+/\\d+-\\d+$",
        "^\\(\\d+\\) \\d+ \\d+$",
        "^[+]\\d+ (\\(0\\))? ?\\d+[.]\\d+[.]\\d+$",
    )
    for shape in shapes:
        assert raw.value(f"select count(*) from shopify.customer where regexp_full_match(phone, '{shape[1:-1]}')"), (
            shape
        )


def test_people_use_up_to_three_devices(raw: Raw) -> None:
    devices = raw.rows(
        """
        select max(devices) from (
            select person_id, count(distinct anonymous_id) as devices
            from segment.identifies inner join truth.record on raw_id = id
            where context_user_agent not like 'WeaverKiosk%'
            group by person_id
        )
        """
    )
    assert devices == [(3,)]


def shared_by(raw: Raw, agent: str) -> int:
    """The most people that one device of a kind has seen."""
    return int(
        raw.value(
            f"""
            select coalesce(max(people), 0) from (
                select anonymous_id, count(distinct person_id) as people
                from segment.identifies inner join truth.record on raw_id = id
                where context_user_agent like '{agent}' group by anonymous_id
            )
            """
        )
    )


def test_a_family_shares_a_tablet_and_a_crowd_the_terminal_in_the_shop(raw: Raw) -> None:
    assert 2 <= shared_by(raw, "%iPad%") <= 3
    assert shared_by(raw, "WeaverKiosk%") > 20


def test_some_people_share_one_e_mail_and_some_one_phone(raw: Raw) -> None:
    def shared(column: str) -> int:
        return int(
            raw.value(
                f"""
                select count(*) from (
                    select {column} from klaviyo.person inner join truth.record on raw_id = id
                    where {column} is not null group by 1 having count(distinct person_id) > 1
                )
                """
            )
        )

    assert shared("email") > 0
    assert shared("phone_number") > 0


def test_nothing_is_loaded_after_its_day_and_no_address_could_be_real(raw: Raw) -> None:
    assert not raw.value("select count(*) from segment.tracks where received_at >= timestamp '2026-07-01' and day = 1")
    assert not raw.value("select count(*) from segment.tracks where received_at < timestamp '2026-07-01' and day = 2")
    assert not raw.rows(
        """
        select email from segment.identifies
        where email ilike '%@%' and not regexp_matches(lower(trim(email)), '(example|exmaple|test[.]com)$')
        """
    )


def test_amounts_add_up(raw: Raw) -> None:
    assert not raw.rows(
        """
        select o.id from shopify."order" as o inner join shopify.order_line as l on l.order_id = o.id
        group by o.id, o.total_price having sum(l.price * l.quantity - l.total_discount) <> o.total_price
        """
    )
