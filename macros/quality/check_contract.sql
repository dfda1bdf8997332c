{# Every switched-on pack's rows for one contract, with `held_because`: why a row is not used, null for one that is. Typed and
   without a row when no pack provides the contract.

   Reads `vars: sources:`, so that adding a system is its folder and one line there. A row is held back, in this order,
   because its pack says so (a column `held_because` that the yml of the pack's model declares), because it breaks a rule
   that the pack declares for the columns of that model, or because it breaks a rule of the contract (contract_rules).
   Every row that a pack brings is here once, so that what is used and what is not can be read without reading raw rows
   a second time. #}
{% macro check_contract(contract) -%}
    {%- set columns = contract_columns(contract) -%}
    {%- set readings = contract_readings(contract) -%}
    {%- set providers = [] -%}
    {%- for source, contracts in var('sources').items() if contract in contracts -%}
        {%- do providers.append(source) -%}
    {%- endfor -%}
    with

    packs as (
    {%- for source in providers %}
        {%- set relation = ref('stg_' ~ source ~ '__' ~ contract) %}
        {%- set node = pack_model('stg_' ~ source ~ '__' ~ contract) if execute else {} %}
        {%- set rules = broken_rules(node) if node else [] %}
        {%- set held = ['held_because'] if 'held_because' in node.get('columns', {}) else [] %}
        {%- set held = held + ([first_broken(rules)] if rules else []) %}
        select
            {%- for name, type in columns.items() %}
            cast({{ readings.get(name, name) }} as {{ type }}) as {{ name }},
            {%- endfor %}
            {{ 'coalesce(' ~ held | join(', ') ~ ')' if held | length > 1 else held[0] if held else 'cast(null as varchar)' }} as held_because
        from {{ relation }}
        {%- if not loop.last %}

        union all
        {% endif %}
    {%- else %}
        select
            {%- for name, type in columns.items() %}
            cast(null as {{ type }}) as {{ name }},
            {%- endfor %}
            cast(null as varchar) as held_because
        where false
    {%- endfor %}
    ),

    final as (
        select
            {%- for name in columns %}
            {{ name }},
            {%- endfor %}
            coalesce(held_because, {{ first_broken(contract_rules(contract)) }}) as held_because
        from packs
    )

    select * from final
{%- endmacro %}

{# The rows of a contract that are used. #}
{% macro used_rows(contract) -%}
    select
        {%- for name in contract_columns(contract) %}
        {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('checked_' ~ contract) }}
    where held_because is null
{%- endmacro %}

{# A model of the graph, by its name. #}
{% macro pack_model(name) -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name == name -%}
        {{ return(node) }}
    {%- endfor -%}
    {{ return({}) }}
{%- endmacro %}
