-- Grain: one track call. Calls are delivered at least once, so the same id may be loaded twice.
with

tracks as (
    select * from {{ source('raw_segment', 'tracks') }}
),

calls as (
    select * from tracks
    {{ latest('id', 'received_at') }}
),

final as (
    select
        -- ids
        calls.id as track_id,
        {{ clean_text('anonymous_id') }} as anonymous_id,
        {{ clean_text('user_id') }} as user_id,

        -- what happened
        {{ clean_text('event') }} as event_name,
        {{ json_parse('properties') }} as properties,

        -- timestamps
        {{ segment_occurred_at('calls') }} as occurred_at,
        calls.received_at
    from calls
)

select * from final
