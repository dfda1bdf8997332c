-- Grain: one event: what became of an e-mail.
with

engagements as (
    select * from {{ ref('stg_klaviyo__engagements') }}
),

final as (
    select
        'klaviyo:event:' || engagement_id as event_id,
        'klaviyo' as source,
        event_name,
        occurred_at,
        synced_at as received_at,
        identifier_type,
        identifier_value,
        {{ json_build({'campaign': 'campaign', 'bounce_type': 'bounce_type'}) }} as properties,
        case
            when event_name is null and held_because is null
                then 'left out: a metric that weft does not read'
            else held_because
        end as held_because
    from engagements
)

select * from final
