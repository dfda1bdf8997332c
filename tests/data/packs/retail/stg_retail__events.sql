-- Grain: one order or return.
select
    'retail:' || coalesce(customer_id, 'nobody') || ':' || ordered_at || ':' || is_return as event_id,
    'retail' as source,
    case when is_return then 'order_refunded' else 'order_completed' end as event_name,
    ordered_at as occurred_at,
    ordered_at as received_at,
    'customer_id' as identifier_type,
    customer_id as identifier_value,
    {{ json_build({'total': 'amount', 'amount': 'amount', 'lines': 'count_lines', 'currency': "'GBP'"}) }} as properties
from {{ ref('stg_retail__orders') }}
