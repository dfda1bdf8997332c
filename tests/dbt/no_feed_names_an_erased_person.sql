-- The engine blocks erased people once more before it sends; here they must not even be planned.
{% set feeds = [
    'sync_klaviyo__winback', 'sync_hubspot__high_value_contacts', 'sync_meta__lapsing',
] %}

with

erased as (

    select identifier_value as profile_id
    from {{ ref('suppressions') }}
    where identifier_type = 'profile_id'

),

feeds as (

    {% for feed in feeds %}
        select
            '{{ feed }}' as feed,
            profile_id
        from {{ ref(feed) }}
        {{ 'union all' if not loop.last }}
    {% endfor %}

)

select feeds.*
from feeds
inner join erased
    on feeds.profile_id = erased.profile_id
