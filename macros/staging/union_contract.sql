{# Every switched-on pack's rows for one contract; typed and without a row when no pack provides it.

   Reads `vars: sources:`, so that adding a system is its folder and one line there. #}
{% macro union_contract(contract) -%}
    {%- set columns = contract_columns(contract) -%}
    {%- set providers = [] -%}
    {%- for source, contracts in var('sources').items() if contract in contracts -%}
        {%- do providers.append(source) -%}
    {%- endfor -%}
    {%- for source in providers %}
    select
        {%- for name, type in columns.items() %}
        cast({{ name }} as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('stg_' ~ source ~ '__' ~ contract) }}
    {%- if not loop.last %}

    union all
    {% endif %}
    {%- else %}
    select
        {%- for name, type in columns.items() %}
        cast(null as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    where false
    {%- endfor %}
{%- endmacro %}
