-- Grain: one view of a page or sign of life on it.
select
    'snowplow:' || event_id as event_id,
    'snowplow' as source,
    case event_name when 'page_view' then 'page_viewed' else 'page_pinged' end as event_name,
    occurred_at,
    received_at,
    case when cookie is null then 'session_id' else 'anonymous_id' end as identifier_type,
    coalesce(cookie, session_id) as identifier_value,
    {{ json_build({'session_id': 'session_id', 'view_id': 'view_id'}) }} as properties
from {{ ref('stg_snowplow__views') }}
