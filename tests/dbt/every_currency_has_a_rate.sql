-- Money in a currency without a rate is missing from every sum: add the currency to
-- seeds/exchange_rates.csv.
{{ config(severity='warn') }}

select
    values_read.currency,
    count(*) as count_events
from {{ ref('profile_event_values') }} as values_read
left join {{ ref('exchange_rates') }} as exchange_rates
    on values_read.currency = exchange_rates.currency
where
    values_read.currency is not null
    and exchange_rates.currency is null
group by values_read.currency
