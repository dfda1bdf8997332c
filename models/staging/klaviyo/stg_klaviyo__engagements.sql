-- Grain: one thing that happened to an e-mail, a text message or a subscription. It concerns an
-- address or a number, so it carries that, and the id that Klaviyo gave only where it is unusable.
with

raw_events as (
    select
        *,
        {{ normalise_identifier('klaviyo_id', 'person_id') }} as klaviyo_id
    from {{ source('raw_klaviyo', 'event') }}
    {{ latest('id', '_fivetran_synced') }}
),

metrics as (
    select * from {{ source('raw_klaviyo', 'metric') }}
    {{ latest('id', '_fivetran_synced') }}
),

persons as (
    select * from {{ ref('stg_klaviyo__persons') }}
),

named as (
    select
        id as metric_id,
        case name
            when 'Received Email' then 'email_received'
            when 'Opened Email' then 'email_opened'
            when 'Clicked Email' then 'email_clicked'
            when 'Bounced Email' then 'email_bounced'
            when 'Unsubscribed' then 'email_unsubscribed'
            when 'Unsubscribed from Email Marketing' then 'email_unsubscribed'
            when 'Marked Email as Spam' then 'email_marked_spam'
            when 'Subscribed to List' then 'email_subscribed'
            when 'Subscribed to Email Marketing' then 'email_subscribed'
            when 'Consented to Receive SMS' then 'sms_subscribed'
            when 'Subscribed to SMS Marketing' then 'sms_subscribed'
            when 'Unsubscribed from SMS' then 'sms_unsubscribed'
            when 'Unsubscribed from SMS Marketing' then 'sms_unsubscribed'
        end as event_name
    from metrics
),

final as (
    select
        -- ids
        raw_events.id as engagement_id,
        case
            when named.event_name like 'sms%' and persons.phone is not null then 'phone'
            when persons.email is not null then 'email'
            else 'klaviyo_id'
        end as identifier_type,
        case
            when named.event_name like 'sms%'
                then coalesce(persons.phone, persons.email, raw_events.klaviyo_id)
            else coalesce(persons.email, raw_events.klaviyo_id)
        end as identifier_value,

        -- strings
        named.event_name,
        {{ clean_text('raw_events.property_campaign_name') }} as campaign,
        lower({{ clean_text('raw_events.property_bounce_type') }}) as bounce_type,

        -- timestamps
        raw_events.datetime as occurred_at,
        raw_events._fivetran_synced as synced_at,

        -- quality
        case
            when raw_events._fivetran_deleted then 'left out: deleted'
            when named.metric_id is null then 'metric_id: no such metric'
            else {{ broken_rule('raw_klaviyo', 'event', 'raw_events') }}
        end as held_because
    from raw_events
    left join named on raw_events.metric_id = named.metric_id
    left join persons on raw_events.klaviyo_id = persons.klaviyo_id
)

select * from final
