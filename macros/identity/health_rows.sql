{# One metric of identity_health: a select with a row for each row of `from`.

   The others are SQL expressions over `from`, with defaults that fit a metric without parts. `whole` is what the value
   is a share of; `profile_id` and `node_seq` say whom the row is about, where that is one person or identifier. #}
{% macro health_rows(
    metric, from, value,
    whole='null', identifier_type="'any'", detail="'all'", position='1', profile_id='null', node_seq='null'
) -%}
    select
        cast('{{ metric }}' as varchar) as metric,
        cast({{ identifier_type }} as varchar) as identifier_type,
        cast({{ detail }} as varchar) as detail,
        cast({{ position }} as {{ dbt.type_bigint() }}) as position,
        cast({{ value }} as {{ dbt.type_bigint() }}) as value,
        cast({{ value }} as double precision) / nullif({{ whole }}, 0) as share,
        cast({{ profile_id }} as varchar) as profile_id,
        cast({{ node_seq }} as {{ dbt.type_bigint() }}) as node_seq
    from {{ from }}
{%- endmacro %}
