{# The registered identifiers that are blocked now, as SQL: those that this run read, and of the others as they were
   stored. #}
{% macro blocked_nodes() %}
    select node_seq
    from {{ ref('identity_sighting_news') }}
    where blocked_because is not null and node_seq is not null
    {%- if not reads_everything() %}
    union all
    select blocked.node_seq
    from {{ stored_state('identity_blocked') }} as blocked
    where blocked.node_seq is not null and not {{ is_news('identifier', 'blocked.bucket') }}
    {%- endif %}
{% endmacro %}
