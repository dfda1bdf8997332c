{# Takes out of the map the identifiers that nothing mentions any more or that are blocked now, and rows of a time when the
   map had no numbers. Where identifiers are news, all of the map is held against what is mentioned, by number: a killed run
   may have written into it what the stored sightings never had, and what it had read is news again. #}
{% macro forget_unmentioned() %}
    {%- if is_incremental() -%}
    delete from {{ this }}
    where
        node_seq is null
        {%- if reads_everything() or has_identifier_news() %}
        or node_seq in (
            select map.node_seq
            from {{ this }} as map
            left join (
                select node_seq from {{ ref('identity_sighting_news') }} where blocked_because is null
                {%- if not reads_everything() %}
                union all
                select sightings.node_seq
                from {{ stored_sightings() }} as sightings
                where sightings.blocked_because is null and not {{ is_news('identifier', 'sightings.bucket') }}
                {%- endif %}
            ) as present
                on map.node_seq = present.node_seq
            where present.node_seq is null
        )
        {%- endif %}
    {%- endif -%}
{% endmacro %}

{% macro has_identifier_news() %}
    {%- set counted = "select count(*) from " ~ ref('identity_news') ~ " where kind = 'identifier'" -%}
    {{ return(execute and run_query(counted).rows[0][0] | int > 0) }}
{% endmacro %}
