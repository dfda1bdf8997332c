{# The `order by` that puts the value to keep first, among the candidates for one attribute of one profile, by the rules
   that profiles.yml declares (survivorship_rules).

   It expects the columns attribute, value, source, observed_at, count_statements, count_agreeing and is_suppressed. An
   identifier that may not be used comes last. Where a rule does not decide, the most recent value wins, and last the value
   and the source themselves, so that two runs never differ. #}
{% macro survivorship_order() -%}
    {%- set priorities, frequent, expressions = [], [], {} -%}
    {%- for attribute, column in survivorship_rules().items() -%}
        {%- if column.rule is mapping -%}
            {%- do expressions.update({attribute: column.rule.expression | trim}) -%}
        {%- elif column.rule == 'most_frequent' -%}
            {%- do frequent.append(attribute) -%}
        {%- elif column.rule != 'most_recent' -%}
            {%- set sources = var('survivorship').source_priority if column.rule is string else column.rule -%}
            {%- for source in sources -%}
                {%- do priorities.append([attribute, source, loop.index]) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    case when is_suppressed then 1 else 0 end,
    {%- if priorities %}
    case
        {%- for attribute, source, rank in priorities %}
        when attribute = '{{ attribute }}' and source = '{{ source }}' then {{ rank }}
        {%- endfor %}
        else 1000
    end,
    {%- endif %}
    {%- if frequent %}
    case when attribute in ('{{ frequent | join("', '") }}') then count_agreeing else 0 end desc,
    {%- endif %}
    {%- for attribute, expression in expressions.items() %}
    case when attribute = '{{ attribute }}' then ({{ expression }}) end desc nulls last,
    {%- endfor %}
    observed_at desc nulls last,
    value,
    source
{%- endmacro %}
