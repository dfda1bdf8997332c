{# Takes out of the map the identifiers that nothing mentions any more or that are blocked now, and rows of a time when the
   map had no numbers. All of the map is held against what is mentioned, by number: a killed run may have written into it
   what the stored sightings never had. #}
{% macro forget_unmentioned() %}
    {%- if is_incremental() -%}
    delete from {{ this }}
    where
        node_seq is null
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
    {%- endif -%}
{% endmacro %}
