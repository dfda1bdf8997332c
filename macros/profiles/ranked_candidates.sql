{# The candidates, each with its rank among those for the same attribute, by the rule of that attribute: 1 is shown.

   candidates: the name of a CTE with attribute, value, source, observed_at, count_statements and is_suppressed. keys: its
   columns that say whose profile it is, and as of when. An attribute that profiles.yml does not declare is ranked too;
   its rule is null. #}
{% macro ranked_candidates(candidates, keys) -%}
    {%- set counted = [] -%}
    {%- for attribute, column in survivorship_rules().items() if column.rule == 'most_frequent' or column.rule is mapping -%}
        {%- do counted.append(attribute) -%}
    {%- endfor -%}
    {%- set whose = 'partition by ' ~ (keys + ['attribute']) | join(', ') -%}
    select
        {{ keys | join(', ') }},
        attribute,
        value,
        source,
        observed_at,
        count_statements,
        is_suppressed,
        {{ survivorship_rule_of('attribute') }} as rule,
        row_number() over ({{ whose }} order by {{ survivorship_order() }}) as rank_of_value,
        count(*) over (
            {{ whose }} order by {{ survivorship_order() }}
            rows between unbounded preceding and unbounded following
        ) as count_candidates
    from (
        {#- The candidates are named once: an engine that does not keep a CTE would make them for each time. #}
        select
            *,
            {{ 'sum(count_statements) over (partition by ' ~ keys | join(', ') ~ ', attribute, value)' if counted
                else 'count_statements' }} as count_agreeing
        from {{ candidates }}
    ) as counted
{%- endmacro %}

{# The rule of an attribute as text; null for one that profiles do not show. #}
{% macro survivorship_rule_of(attribute) -%}
    {%- set rules = survivorship_rules() -%}
    {%- if rules %}
        case {{ attribute }}
            {%- for name, column in rules.items() %}
            when '{{ name }}' then '{{ survivorship_rule_text(column.rule) | replace("'", "''") }}'
            {%- endfor %}
        end
    {%- else %}
        cast(null as {{ dbt.type_string() }})
    {%- endif -%}
{%- endmacro %}
