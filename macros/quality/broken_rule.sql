{# The first hard rule of its raw table that a row breaks, as `<column>: <why>`; null for a row that breaks none.

   A staging model that reads the table selects it as `held_because`, so that the raw rows are read once for the rows that
   are used and for the ones that are not. relation: what the columns are read from in the query. #}
{% macro broken_rule(source_name, table, relation=none) -%}
    {%- set found = broken_rules(raw_table(source_name, table), 'error', relation) if execute else [] -%}
    {{ first_broken(found) }}
{%- endmacro %}

{# The first of some rules that a row breaks. #}
{% macro first_broken(rules) -%}
    {%- if rules -%}
        case
            {%- for rule in rules %}
            when {{ rule.condition }} then {{ dbt.string_literal(dbt.escape_single_quotes(rule.because)) }}
            {%- endfor %}
        end
    {%- else -%}
        cast(null as varchar)
    {%- endif -%}
{%- endmacro %}

{# A source of the graph. #}
{% macro raw_table(source_name, table) -%}
    {%- for node in graph.sources.values() if node.source_name == source_name and node.name == table -%}
        {{ return(node) }}
    {%- endfor -%}
    {{ exceptions.raise_compiler_error(
        (model.original_file_path if model else 'broken_rule') ~ ': there is no source ' ~ source_name ~ '.' ~ table
    ) }}
{%- endmacro %}
