{# Takes out what identity_moves found to be refused no longer. #}
{% macro forget_former_refusals(moves) %}
    {%- set refused = handed_over('refused', moves, no_refusals()) -%}
    delete from {{ this }}
    where exists (
        select 1
        from {{ refused }} as refused
        where
            not refused.is_refused
            and refused.a = {{ this }}.a
            and refused.b = {{ this }}.b
            and refused.rule = {{ this }}.rule
            and refused.source = {{ this }}.source
    )
{% endmacro %}

{% macro no_refusals() %}
    select
        cast(null as {{ dbt.type_bigint() }}) as a,
        cast(null as {{ dbt.type_bigint() }}) as b,
        cast(null as varchar) as rule,
        cast(null as varchar) as source,
        cast(null as {{ dbt.type_bigint() }}) as component_seq,
        cast(null as varchar) as limit_type,
        cast(null as {{ dbt.type_bigint() }}) as limit_max,
        cast(null as boolean) as is_refused
    where false
{% endmacro %}
