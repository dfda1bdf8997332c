-- Grain: one event: a ticket, or the rating of one.
with

tickets as (
    select * from {{ source('raw_zendesk', 'ticket') }}
    {{ latest('id', typed('loaded_at', 'timestamp')) }}
),

ratings as (
    select * from {{ source('raw_zendesk', 'satisfaction_rating') }}
    {{ latest('id', typed('loaded_at', 'timestamp')) }}
),

events as (
    select
        'zendesk:ticket:' || cast(id as varchar) as event_id,
        'ticket_created' as event_name,
        {{ typed('created_at', 'timestamp') }} as occurred_at,
        {{ typed('loaded_at', 'timestamp') }} as received_at,
        requester_id,
        {{ json_build({
            'ticket_id': 'cast(id as varchar)', 'channel': 'channel',
        }) }} as properties,
        {{ broken_rule('raw_zendesk', 'ticket') }} as held_because
    from tickets

    union all

    select
        'zendesk:satisfaction_rating:' || cast(id as varchar) as event_id,
        'ticket_rated' as event_name,
        {{ typed('created_at', 'timestamp') }} as occurred_at,
        {{ typed('loaded_at', 'timestamp') }} as received_at,
        requester_id,
        {{ json_build({
            'ticket_id': 'cast(ticket_id as varchar)', 'score': 'score',
        }) }} as properties,
        {{ broken_rule('raw_zendesk', 'satisfaction_rating') }} as held_because
    from ratings
),

final as (
    select
        event_id,
        'zendesk' as source,
        event_name,
        occurred_at,
        received_at,
        'zendesk_id' as identifier_type,
        {{ normalise_identifier('zendesk_id', 'requester_id') }} as identifier_value,
        properties,
        held_because
    from events
)

select * from final
