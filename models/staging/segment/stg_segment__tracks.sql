-- Grain: one delivery of a track call; calls are delivered at least once, and the events model
-- keeps one of each.
with

calls as (
    select * from {{ source('raw_segment', 'tracks') }}
),

final as (
    select
        -- ids
        calls.id as track_id,
        {{ normalise_identifier('anonymous_id', 'anonymous_id') }} as anonymous_id,
        {{ normalise_identifier('user_id', 'user_id') }} as user_id,

        -- what happened
        {{ clean_text('event') }} as event_name,
        {{ json_parse('properties') }} as properties,

        -- timestamps
        {{ segment_occurred_at('calls') }} as occurred_at,
        calls.received_at,

        -- quality
        {{ broken_rule('raw_segment', 'tracks') }} as held_because
    from calls
)

select * from final
