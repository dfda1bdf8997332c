{# The `order by` that puts the value to keep first, among the rows of one profile and attribute.

   The rules stand in the variable `survivorship`. It expects the columns attribute, source, observed_at, value and
   count_statements. Where a rule does not decide, the most recent value wins, and last the value itself, so that two
   runs never differ. #}
{% macro survivorship_order() -%}
    {%- set survivorship = var('survivorship') -%}
    {%- for attribute, rule in survivorship.rules.items() -%}
        {%- if rule is string and rule not in ['most_recent', 'most_frequent', 'source_priority'] -%}
            {{ exceptions.raise_compiler_error(
                "survivorship rule of '" ~ attribute ~ "' is '" ~ rule ~ "'; it may be most_recent, most_frequent, "
                ~ "source_priority, or a list of sources"
            ) }}
        {%- endif -%}
    {%- endfor %}
    case
        {%- for attribute, rule in survivorship.rules.items() if rule == 'source_priority' or rule is not string %}
        {%- for source in (survivorship.source_priority if rule is string else rule) %}
        when attribute = '{{ attribute }}' and source = '{{ source }}' then {{ loop.index }}
        {%- endfor %}
        {%- endfor %}
        else 1000
    end,
    case
        when attribute in ('
            {%- for attribute, rule in survivorship.rules.items() if rule == 'most_frequent' -%}
                {{ attribute }}{{ "', '" if not loop.last }}
            {%- endfor -%}
        ') then count_statements
        else 0
    end desc,
    observed_at desc nulls last,
    value
{%- endmacro %}
