-- Grain: one view of a page or sign of life on it. The rule is the tracker's own: an event counts
-- once, if it was sent within three days of being made; a page is known by the id of its view; and
-- a session ends three days after its first event.
with

sent as (

    select
        event_id,
        event_name,
        nullif(domain_userid, '') as cookie,
        domain_sessionid as session_id,
        cast(derived_tstamp as timestamp) as occurred_at,
        cast(collector_tstamp as timestamp) as received_at,
        json_extract_string(
            contexts_com_snowplowanalytics_snowplow_web_page_1_0_0, '$[0].id'
        ) as view_id
    from {{ source('raw_snowplow', 'events') }}
    where
        event_name in ('page_view', 'page_ping')
        and domain_sessionid <> ''
        and cast(dvce_sent_tstamp as timestamp) - cast(dvce_created_tstamp as timestamp)
        <= interval 3 day
    qualify row_number() over (partition by event_id order by collector_tstamp) = 1

),

final as (

    select * from sent
    where view_id is not null
    qualify
        received_at <= min(received_at) over (partition by session_id) + interval 3 day

)

select * from final
