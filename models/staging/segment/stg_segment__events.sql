-- Grain: one event. Carries the account where someone was logged in, and only else the device,
-- which others may use too.
with

tracks as (
    select * from {{ ref('stg_segment__tracks') }}
),

pages as (
    select * from {{ ref('stg_segment__pages') }}
),

events as (
    select
        'segment:tracks:' || track_id as event_id,
        event_name,
        occurred_at,
        received_at,
        anonymous_id,
        user_id,
        properties,
        held_because
    from tracks

    union all

    select
        'segment:pages:' || page_id as event_id,
        'page_viewed' as event_name,
        occurred_at,
        received_at,
        anonymous_id,
        user_id,
        {{ json_build({'path': 'path', 'campaign': 'campaign'}) }} as properties,
        held_because
    from pages
),

final as (
    select
        event_id,
        'segment' as source,
        event_name,
        occurred_at,
        received_at,
        case when user_id is not null then 'user_id' else 'anonymous_id' end as identifier_type,
        coalesce(user_id, anonymous_id) as identifier_value,
        properties,
        held_because
    from events
    {{ latest('event_id', 'received_at') }}
)

select * from final
