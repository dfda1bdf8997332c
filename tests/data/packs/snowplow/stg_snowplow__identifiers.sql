-- Grain: one cookie of one session. A cookie that changes within a session is the same visitor.
select distinct
    'snowplow' as source,
    'session:' || session_id as record_id,
    'anonymous_id' as identifier_type,
    cookie as identifier_value,
    min(occurred_at) over (partition by session_id, cookie) as observed_at
from {{ ref('stg_snowplow__views') }}
where cookie is not null
union all
-- a session without a cookie is somebody, too, whom nothing else is known of
select distinct
    'snowplow',
    'session:' || session_id,
    'session_id',
    session_id,
    min(occurred_at) over (partition by session_id)
from {{ ref('stg_snowplow__views') }}
where cookie is null
