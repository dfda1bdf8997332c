"""The default traits as somebody would write them for DuckDB alone, who knows just which they are."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import duckdb

from benchmarks.identity.through_dbt import run

_QUERY = """
create or replace table weft_profiles.by_hand as
with parsed as (
    select
        profile_id, event_id, event_name, occurred_at,
        case when event_name in ('order_completed', 'order_refunded', 'product_added', 'checkout_started')
            then upper(properties ->> '$.currency') end as currency,
        case event_name
            when 'order_completed' then try_cast(properties ->> '$.total' as decimal(18, 4))
            when 'order_refunded' then try_cast(properties ->> '$.amount' as decimal(18, 4))
        end as amount,
        case when event_name = 'order_completed' then try_cast(properties ->> '$.discount' as decimal(18, 4)) end
            as discount,
        case when event_name = 'order_completed' then properties ->> '$.coupon' end as coupon,
        case when event_name = 'order_completed' then properties ->> '$.channel' end as channel,
        case when event_name in ('product_added', 'checkout_started') then properties ->> '$.cart_id' end as cart_id,
        case when event_name in ('product_added', 'checkout_started')
            then try_cast(properties ->> '$.value' as decimal(18, 4)) end as cart_value,
        case when event_name = 'ticket_rated' then properties ->> '$.score' end as score
    from weft_profiles.profile_events
),
cart_events as (
    select
        profile_id, properties ->> '$.cart_id' as cart_id, event_name, occurred_at,
        coalesce(try_cast(properties ->> '$.quantity' as decimal(18, 4)), 1) as quantity
    from weft_profiles.profile_events
    where event_name in ('product_added', 'product_removed', 'checkout_started')
),
emptied as (
    select profile_id, cart_id from cart_events where cart_id is not null group by all
    having
        sum(case event_name when 'product_added' then quantity when 'product_removed' then -quantity else 0 end) <= 0
        and coalesce(
            max(occurred_at) filter (event_name = 'product_removed')
            >= max(occurred_at) filter (event_name <> 'product_removed'),
            max(occurred_at) filter (event_name <> 'product_removed') is null
        )
),
valued as (
    select
        parsed.* replace (
            cast(amount * rate as decimal(18, 4)) as amount, cast(discount * rate as decimal(18, 4)) as discount,
            cast(cart_value * rate as decimal(18, 4)) as cart_value
        ),
        event_name in ('product_added', 'checkout_started') and emptied.cart_id is null as is_cart
    from parsed
    left join weft_reference.exchange_rates as rates on parsed.currency = rates.currency
    left join emptied on parsed.profile_id = emptied.profile_id and parsed.cart_id = emptied.cart_id
),
computed as (
    select
        profile_id,
        count(*) filter (event_name = 'order_completed') as lifetime_orders,
        count(*) filter (event_name = 'order_completed' and occurred_at > $now - interval 90 day) as orders_90d,
        count(*) filter (event_name = 'order_completed' and occurred_at > $now - interval 365 day) as orders_365d,
        count(*) filter (event_name = 'order_completed' and (discount > 0 or coupon is not null))
            as lifetime_discounted_orders,
        min(occurred_at) filter (event_name = 'order_completed') as first_order_at,
        max(occurred_at) filter (event_name = 'order_completed') as last_order_at,
        max_by(channel, (occurred_at, event_id)) filter (event_name = 'order_completed' and channel is not null)
            as last_order_channel,
        coalesce(sum(amount) filter (event_name = 'order_completed'), 0) as lifetime_gross,
        coalesce(sum(amount) filter (event_name = 'order_refunded'), 0) as lifetime_refunds,
        coalesce(sum(amount) filter (event_name = 'order_completed' and occurred_at > $now - interval 365 day), 0)
            as gross_365d,
        coalesce(sum(amount) filter (event_name = 'order_refunded' and occurred_at > $now - interval 365 day), 0)
            as refunds_365d,
        max(occurred_at) filter (event_name in (
            'order_completed', 'product_viewed', 'product_added', 'checkout_started', 'page_viewed', 'email_clicked',
            'ticket_created', 'ticket_rated', 'coupon_redeemed'
        )) as last_seen_at,
        count(*) filter (event_name = 'product_viewed' and occurred_at > $now - interval 30 day) as product_views_30d,
        max(occurred_at) filter (is_cart) as last_cart_at,
        max_by(cast(cart_value as decimal(18, 2)), (occurred_at, event_id)) filter (is_cart and cart_value is not null)
            as last_cart_value,
        max(occurred_at) filter (event_name = 'email_opened') as last_email_open_at,
        max(occurred_at) filter (event_name = 'email_clicked') as last_email_click_at,
        count(*) filter (event_name = 'email_clicked' and occurred_at > $now - interval 90 day) as email_clicks_90d,
        max(occurred_at) filter (event_name = 'ticket_created') as last_ticket_at,
        count(*) filter (event_name = 'ticket_created' and occurred_at > $now - interval 30 day) as tickets_30d,
        max(occurred_at) filter (event_name = 'ticket_rated' and score = 'bad') as last_bad_rating_at
    from valued
    group by profile_id
),
everybody as (
    select
        profiles.profile_id,
        computed.* exclude (profile_id) replace (
            coalesce(lifetime_orders, 0) as lifetime_orders, coalesce(orders_90d, 0) as orders_90d,
            coalesce(orders_365d, 0) as orders_365d,
            coalesce(lifetime_discounted_orders, 0) as lifetime_discounted_orders,
            coalesce(lifetime_gross, 0) as lifetime_gross, coalesce(lifetime_refunds, 0) as lifetime_refunds,
            coalesce(gross_365d, 0) as gross_365d, coalesce(refunds_365d, 0) as refunds_365d,
            coalesce(product_views_30d, 0) as product_views_30d, coalesce(email_clicks_90d, 0) as email_clicks_90d,
            coalesce(tickets_30d, 0) as tickets_30d
        )
    from weft_profiles.profiles as profiles left join computed on profiles.profile_id = computed.profile_id
)
select
    *,
    cast(lifetime_gross - lifetime_refunds as decimal(18, 2)) as lifetime_value,
    cast(gross_365d - refunds_365d as decimal(18, 2)) as value_365d,
    case when orders_365d > 0 then round(percent_rank() over (
        partition by orders_365d > 0 order by gross_365d - refunds_365d), 4) end as value_percentile,
    case when lifetime_orders > 1
        then round(date_diff('day', first_order_at, last_order_at) / (lifetime_orders - 1), 1) end
        as days_between_orders,
    round(lifetime_gross / nullif(lifetime_orders, 0), 2) as average_order_value,
    round(lifetime_discounted_orders / nullif(lifetime_orders, 0), 4) as discount_share,
    case when lifetime_gross > 0 then round(least(lifetime_refunds / lifetime_gross, 1), 4) end as refund_share
from everybody
"""

#: Shares and means are rounded here as doubles, so that their last digit may be another.
_ROUNDED = ("value_percentile", "days_between_orders", "average_order_value", "discount_share", "refund_share")


def run_by_hand(warehouse: Path, as_of: str) -> tuple[float, float]:
    """Runs the query in a process of its own; returns its seconds and the process's largest memory in MiB."""
    ran = run(["-m", "benchmarks.by_hand", str(warehouse), as_of], os.environ)
    return float(json.loads(ran.output.strip().splitlines()[-1])["seconds"]), ran.peak_mib


def differing(warehouse: Path) -> int:
    """How many rows differ between the query's result and profile_traits, in any column that both have."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        named = connection.execute("select column_name from (describe weft_profiles.by_hand)").fetchall()
        exact = ", ".join(name for (name,) in named if name not in _ROUNDED)
        close = " or ".join(f"abs(mine.{name} - theirs.{name}) > 0.1001" for name in _ROUNDED)
        [(count,)] = connection.execute(
            f"""
            select
                (select count(*) from (
                    select {exact} from weft_profiles.by_hand
                    except all select {exact} from weft_profiles.profile_traits
                ))
                + (
                    select count(*) from weft_profiles.by_hand as mine
                    full outer join weft_profiles.profile_traits as theirs on mine.profile_id = theirs.profile_id
                    where mine.profile_id is null or theirs.profile_id is null or {close}
                )
            """
        ).fetchall()
        return int(count)


if __name__ == "__main__":
    with duckdb.connect(sys.argv[1], config={"threads": 2, "preserve_insertion_order": False}) as opened:
        begun = time.perf_counter()
        opened.execute(_QUERY.replace("$now", f"timestamp '{sys.argv[2]}'"))
        print(json.dumps({"seconds": time.perf_counter() - begun}))
