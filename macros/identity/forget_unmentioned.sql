{# Takes out of the map the identifiers of the news that nothing mentions any more or that are blocked now, and rows of a
   time when the map had no numbers. The stored sightings still tell who was there: they are replaced later. #}
{% macro forget_unmentioned() %}
    {%- if is_incremental() -%}
    delete from {{ this }}
    where
        node_seq is null
        or node_seq in (
            select gone.node_seq
            from (
                {%- if reads_everything() %}
                select node_seq from {{ this }}
                {%- else %}
                select node_seq
                from {{ stored_sightings() }} as sightings
                where bucket in (select bucket from {{ ref('identity_news') }} where kind = 'identifier')
                {%- endif %}
            ) as gone
            left join (
                select node_seq from {{ ref('identity_sighting_news') }} where blocked_because is null
            ) as present
                on gone.node_seq = present.node_seq
            where present.node_seq is null
        )
    {%- endif -%}
{% endmacro %}
