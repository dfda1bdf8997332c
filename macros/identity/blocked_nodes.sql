{# The registered identifiers that are blocked now, as SQL: those that this run read, and of the others as they were
   stored. #}
{% macro blocked_nodes() %}
    select node_seq
    from {{ ref('identity_sighting_news') }}
    where blocked_because is not null and node_seq is not null
    {%- if not reads_everything() %}
    union all
    select sightings.node_seq
    from {{ stored_sightings() }} as sightings
    left join (select bucket from {{ ref('identity_news') }} where kind = 'identifier') as news
        on sightings.bucket = news.bucket
    where sightings.blocked_because is not null and sightings.node_seq is not null and news.bucket is null
    {%- endif %}
{% endmacro %}
