-- Grain: one delivery of a page view; calls are delivered at least once, and the events model keeps
-- one of each.
with

calls as (
    select * from {{ source('raw_segment', 'pages') }}
),

final as (
    select
        -- ids
        calls.id as page_id,
        {{ normalise_identifier('anonymous_id', 'anonymous_id') }} as anonymous_id,
        {{ normalise_identifier('user_id', 'user_id') }} as user_id,

        -- what happened
        {{ clean_text('path') }} as path,
        {{ clean_text('context_campaign_name') }} as campaign,

        -- timestamps
        {{ segment_occurred_at('calls') }} as occurred_at,
        calls.received_at,

        -- quality
        {{ broken_rule('raw_segment', 'pages') }} as held_because
    from calls
)

select * from final
