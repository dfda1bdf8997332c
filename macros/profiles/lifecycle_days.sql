{# A threshold of profile_lifecycle in days: new_days, lapsing_days or lost_days of the variable lifecycle. #}
{% macro lifecycle_days(name) -%}
    {%- set days = var('lifecycle') -%}
    {%- for key in ['new_days', 'lapsing_days', 'lost_days'] -%}
        {%- if days.get(key) is boolean or days.get(key) is not integer or days[key] < 1 -%}
            {{- exceptions.raise_compiler_error(
                'vars: lifecycle: ' ~ key ~ ' in dbt_project.yml is ' ~ days.get(key) ~ '; write a whole number of days above 0'
            ) -}}
        {%- endif -%}
    {%- endfor -%}
    {%- if days.new_days > days.lapsing_days or days.lapsing_days >= days.lost_days -%}
        {{- exceptions.raise_compiler_error(
            'vars: lifecycle: in dbt_project.yml needs new_days at most lapsing_days, and lapsing_days below lost_days'
        ) -}}
    {%- endif -%}
    {{- days[name] -}}
{%- endmacro %}
