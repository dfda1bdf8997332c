-- Grain: one page view. Calls are delivered at least once, so the same id may be loaded twice.
with

pages as (
    select * from {{ source('raw_segment', 'pages') }}
),

calls as (
    select * from pages
    {{ latest('id', 'received_at') }}
),

final as (
    select
        -- ids
        calls.id as page_id,
        {{ clean_text('anonymous_id') }} as anonymous_id,
        {{ clean_text('user_id') }} as user_id,

        -- what happened
        {{ clean_text('path') }} as path,
        {{ clean_text('context_campaign_name') }} as campaign,

        -- timestamps
        {{ segment_occurred_at('calls') }} as occurred_at,
        calls.received_at
    from calls
)

select * from final
