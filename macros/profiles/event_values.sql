{# The values that traits are computed from, of the events in a relation or CTE with the columns of profile_events, as SQL. A
   further value is a key below, its column in the query and its description in profile_event_values.yml.

   It is a macro so that an incremental model hands it the events of the people who are news: where a join with the people
   came after it, as with a view, every event's JSON would be parsed first. Hand it a relation where that is all events, and
   no CTE: it reads them twice. #}
{% macro event_values(events) -%}
    {%- set keys = [
        'currency', 'total', 'amount', 'discount', 'coupon', 'channel', 'cart_id', 'value', 'score',
    ] -%}
    {%- set text, number = {}, {} -%}
    {%- for key in keys -%}
        {%- do text.update({key: json_texts_key('documents.texts', keys, key)}) -%}
        {%- do number.update({key: safe_cast_text(text[key], 'decimal(18, 4)')}) -%}
    {%- endfor %}

    with emptied_carts as (
        {{ emptied_carts(events) }}
    ),

    documents as (
        select
            event_id,
            profile_id,
            event_name,
            occurred_at,
            received_at,
            event_hash,
            {{ json_texts('properties', keys) }} as texts
        from {{ events }}
    ),

    properties_read as (
        select
            documents.event_id,
            documents.profile_id,
            documents.event_name,
            documents.occurred_at,
            documents.received_at,
            documents.event_hash,
            upper({{ text['currency'] }}) as currency,
            case documents.event_name
                when 'order_completed' then {{ number['total'] }}
                when 'order_refunded' then {{ number['amount'] }}
            end as amount,
            {{ number['discount'] }} as discount,
            {{ text['coupon'] }} as coupon,
            {{ text['channel'] }} as channel,
            {{ text['cart_id'] }} as cart_id,
            {{ number['value'] }} as cart_value,
            {{ text['score'] }} as score
        from documents
    )

    select
        properties_read.event_id,
        properties_read.profile_id,
        properties_read.event_name,
        properties_read.occurred_at,
        properties_read.received_at,
        properties_read.event_hash,
        properties_read.currency,
        cast(properties_read.amount * exchange_rates.rate as decimal(18, 4)) as amount,
        cast(properties_read.discount * exchange_rates.rate as decimal(18, 4)) as discount,
        properties_read.coupon,
        properties_read.channel,
        cast(properties_read.cart_value * exchange_rates.rate as decimal(18, 4)) as cart_value,
        emptied_carts.cart_id is not null as is_cart_emptied,
        properties_read.score
    from properties_read
    left join {{ ref('exchange_rates') }} as exchange_rates
        on properties_read.currency = exchange_rates.currency
    left join emptied_carts
        on
            properties_read.profile_id = emptied_carts.profile_id
            and properties_read.cart_id = emptied_carts.cart_id
{%- endmacro %}
