{# Takes out of the map the identifiers of the news that nothing mentions any more or that are blocked now, and rows of a
   time when the map had no numbers or buckets. What a killed run wrote is news again. #}
{% macro forget_unmentioned() %}
    {%- if is_incremental() -%}
    delete from {{ this }}
    where
        node_seq is null
        or bucket is null
        or node_seq in (
            select map.node_seq
            from {{ this }} as map
            left join {{ ref('identity_sighting_news') }} as news
                on map.node_seq = news.node_seq and news.blocked_because is null
            where news.node_seq is null and {{ is_news('identifier', 'map.bucket') }}
        )
    {%- endif -%}
{% endmacro %}
