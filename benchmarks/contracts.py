"""Invents what the profile models read, at any size, straight into the tables where dbt looks for it.

Every value is made of the row's number, so the same size gives the same tables. People are numbers from 0. Some of them
do more than others: half of the people have two thirds of the events.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

#: The moment that the first events lead up to, over two years.
START = "2026-07-01 00:00:00"

_TABLES = """
create schema weft_staging;
create schema weft_identity;

create table weft_staging.erasures as
select 'email' as identifier_type, 'p' || n || '@example.com' as identifier_value,
    timestamp '{start}' as requested_at, 'consent' as source
from range(1, {people}, 1000) as people(n);

create table weft_staging.identifiers as
with kinds as (
    select n, 'user_id' as identifier_type, 'u' || n as identifier_value from range({people}) as people(n)
    union all
    select n, 'email', 'p' || n || '@example.com' from range({people}) as people(n) where n % 5 <> 0
    union all
    select n, 'anonymous_id', md5('cookie' || n) from range({people}) as people(n) where n % 5 < 3
)
select
    'segment' as source, 'users:' || n as record_id, identifier_type, identifier_value,
    timestamp '{start}' - to_days(cast(hash(n) % 700 as integer)) as observed_at
from kinds;

create table weft_identity.identity_map as
select
    identifier_type, identifier_value, md5('weft:' || split_part(record_id, ':', 2)) as profile_id,
    row_number() over () as node_seq, 0 as bucket, observed_at as first_seen_at, observed_at as last_seen_at
from weft_staging.identifiers;

create table weft_identity.identity_changes as
select profile_id as profile_id_from, profile_id as profile_id_into, 'merge' as kind, last_seen_at as changed_at
from weft_identity.identity_map where false;

create table weft_identity.identity_aliases as
select profile_id_from as former_profile_id, profile_id_into as profile_id from weft_identity.identity_changes;

create table weft_staging.traits as
with stated as (
    select n, source, unnest([
        {{'trait': 'first_name', 'value': 'First' || n % 3000}}, {{'trait': 'last_name', 'value': 'Last' || n % 9000}},
        {{'trait': 'city', 'value': 'City' || hash(n, source) % 700}}, {{'trait': 'country', 'value': 'DE'}},
        {{'trait': 'postal_code', 'value': cast(10000 + n % 80000 as varchar)}},
        {{'trait': 'birth_date', 'value': cast(date '1950-01-01' + cast(hash(n) % 20000 as integer) as varchar)}}
    ], recursive := true)
    from range({people}) as people(n), (values ('shopify'), ('hubspot')) as sources(source)
    where source = 'shopify' or n % 4 = 0
)
select
    source, 'user_id' as identifier_type, 'u' || n as identifier_value, trait, value,
    timestamp '{start}' - to_days(cast(hash(n, source) % 700 as integer)) as observed_at
from stated;

create table weft_staging.consents as
select
    'consent' as source, 'email' as identifier_type, 'p' || n || '@example.com' as identifier_value,
    purpose, case when hash(n, purpose) % 10 < 8 then 'granted' else 'denied' end as status, 'gdpr' as jurisdiction,
    timestamp '{start}' - to_days(cast(hash(n) % 700 as integer)) as occurred_at
from range({people}) as people(n),
    (values ('email_marketing'), ('advertising'), ('sales_outreach')) as purposes(purpose)
where n % 5 <> 0 and hash(purpose, n) % 10 < 7;

create table weft_staging.events (
    event_id varchar, source varchar, event_name varchar, occurred_at timestamp, received_at timestamp,
    identifier_type varchar, identifier_value varchar, properties json
);
"""

_EVENTS = """
insert into weft_staging.events
with numbers as (
    select i, cast(hash(i) >> 1 as bigint) as h, hash(i, 'who') as w, hash(i, 'what') % 1000 as k
    from range({first}, {first} + {count}) as numbers(i)
),
happened as (
    select
        i, h, w % 10 as way,
        {every} * cast(floor({people} / {every} * pow((w % 4294967296) / 4294967296.0, 1.5)) as bigint) as n,
        timestamp '{until}' - to_seconds(cast({seconds} * ({first} + {count} - i) / {count} as bigint)) as occurred_at,
        case
            when k < 450 then 'page_viewed' when k < 700 then 'product_viewed' when k < 780 then 'product_added'
            when k < 790 then 'product_removed' when k < 820 then 'checkout_started' when k < 870 then 'order_completed'
            when k < 875 then 'order_refunded' when k < 960 then 'email_opened' when k < 985 then 'email_clicked'
            when k < 995 then 'ticket_created' else 'ticket_rated'
        end as event_name
    from numbers
)
select
    'segment:tracks:' || to_hex(h) as event_id, 'segment' as source, event_name, occurred_at,
    occurred_at + to_seconds(cast(h % 600 as bigint)) as received_at,
    case when way < 2 and n % 5 <> 0 then 'email' when way < 4 and n % 5 < 3 then 'anonymous_id' else 'user_id' end,
    case
        when way < 2 and n % 5 <> 0 then 'p' || n || '@example.com'
        when way < 4 and n % 5 < 3 then md5('cookie' || n) else 'u' || n
    end,
    case
        when event_name = 'page_viewed'
            then json_object('path', '/category/' || h % 3000, 'campaign', if(h % 5 = 0, 'c' || h % 90, null))
        when event_name in ('product_viewed', 'product_added', 'product_removed', 'checkout_started') then json_object(
            'product_id', 'sku-' || h % 9000, 'category', 'category ' || h % 40, 'currency', 'EUR',
            'quantity', 1 + h % 3, 'value', (h % 20000) / 100.0, 'cart_id', 'cart-' || n || '-' || h % 4
        )
        when event_name in ('order_completed', 'order_refunded') then json_object(
            'order_id', 'o-' || i, 'total', (h % 30000) / 100.0, 'amount', (h % 9000) / 100.0, 'item_count', 1 + h % 6,
            'discount', if(h % 4 = 0, (h % 900) / 100.0, 0), 'coupon', if(h % 9 = 0, 'SPRING', null),
            'currency', ['EUR', 'EUR', 'EUR', 'GBP', 'SEK'][1 + h % 5], 'channel', if(h % 3 = 0, 'store', 'web')
        )
        when event_name = 'ticket_rated'
            then json_object('ticket_id', 't-' || i, 'score', if(h % 4 = 0, 'bad', 'good'))
        else json_object('campaign', 'c' || h % 90, 'subject', 'Subject number ' || h % 400)
    end
from happened
"""


def write(warehouse: Path, people: int, events: int) -> None:
    """Creates a warehouse with everything that comes before the profile models, two years of events among it."""
    with _opened(warehouse) as connection:
        connection.execute(_TABLES.format(people=people, start=START))
    add_events(warehouse, people, 0, events, until=START, seconds=63_072_000)


def add_events(
    warehouse: Path, people: int, first: int, count: int, *, until: str, seconds: int, every: int = 1
) -> None:
    """Adds events.

    Args:
        warehouse: What write created.
        people: How many there are.
        first: The number of the first event; no other may have it.
        count: How many events.
        until: When the last one happened.
        seconds: The time over which they are spread.
        every: They happen to every so manyth person.
    """
    with _opened(warehouse) as connection:
        connection.execute(
            _EVENTS.format(people=people, first=first, count=count, until=until, seconds=seconds, every=every)
        )


def _opened(warehouse: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(warehouse), config={"threads": 2, "preserve_insertion_order": False})
