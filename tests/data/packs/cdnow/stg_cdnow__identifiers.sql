-- Grain: one customer.
select
    'cdnow' as source,
    'customer:' || customer_id as record_id,
    'customer_id' as identifier_type,
    customer_id as identifier_value,
    min(purchased_at) as observed_at
from {{ source('raw_cdnow', 'purchases') }}
group by customer_id
