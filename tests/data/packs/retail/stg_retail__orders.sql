-- Grain: one order or return: what a customer bought, or gave back, at one moment. The file has no
-- number of the invoice. Lines without a customer are nobody's order, together at each moment.
select
    cast(cast("CustomerID" as integer) as varchar) as customer_id,
    cast("InvoiceDate" as timestamp) as ordered_at,
    "Quantity" < 0 as is_return,
    count(*) as count_lines,
    abs(sum(cast("Quantity" * "UnitPrice" as decimal(18, 4)))) as amount
from {{ source('raw_retail', 'lines') }}
group by 1, 2, 3
