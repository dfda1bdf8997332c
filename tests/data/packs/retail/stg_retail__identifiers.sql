-- Grain: one customer.
select
    'retail' as source,
    'customer:' || customer_id as record_id,
    'customer_id' as identifier_type,
    customer_id as identifier_value,
    min(ordered_at) as observed_at
from {{ ref('stg_retail__orders') }}
where customer_id is not null
group by customer_id
