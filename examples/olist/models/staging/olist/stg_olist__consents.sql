-- Grain: one statement by one customer number. The public files hold no consents: this stands in
-- for your preference centre, and takes it that whoever ordered agreed to be written to. With
-- olist_assume_consent false it is empty.
with

orders as (
    select * from {{ ref('stg_olist__orders') }}
),

final as (
    select
        'olist' as source,
        'customer_id' as identifier_type,
        customer_id as identifier_value,
        'email_marketing' as purpose,
        'granted' as status,
        'BR' as jurisdiction,
        ordered_at as occurred_at
    from orders
    where {{ 'true' if var('olist_assume_consent', false) else 'false' }}
)

select * from final
