-- Grain: one purchase.
select
    'cdnow:' || line as event_id,
    'cdnow' as source,
    'order_completed' as event_name,
    purchased_at as occurred_at,
    purchased_at as received_at,
    'customer_id' as identifier_type,
    customer_id as identifier_value,
    {{ json_build({'total': 'dollar_value', 'currency': "'USD'"}) }} as properties
from {{ source('raw_cdnow', 'purchases') }}
