{# Which events a trait is about: by name, by having the value where that is wanted, and by its own condition. #}
{% macro trait_condition(trait) -%}
    event_name
    {%- if trait.events | length == 1 %} = {{ quoted(trait.events[0]) }}
    {%- else %} in ({% for name in trait.events %}{{ quoted(name) }}{{ ', ' if not loop.last }}{% endfor %})
    {%- endif %}
    {%- if trait.carried %} and {{ trait.value }} is not null{% endif %}
    {%- if trait.where is not none %} and ({{ trait.where }}){% endif %}
{%- endmacro %}

{# Whether an event is in a window of time, with a leading `and`. A sliding window is open at its far end: an event of
   exactly N days ago is outside, so it leaves at the very moment that expires_at names. #}
{% macro in_window(window, moment) -%}
    {%- if window.kind == 'sliding' %} and occurred_at > {{ add_time('day', -window.days, moment) }}
    {%- elif window.kind == 'calendar' %}
        {%- set this_period = start_of(window.unit, moment) %} and occurred_at >=
        {%- if window.ago %} {{ add_time(window.unit, -window.ago, this_period) }} and occurred_at <
            {%- if window.ago > 1 %} {{ add_time(window.unit, 1 - window.ago, this_period) }}
            {%- else %} {{ this_period }}
            {%- endif %}
        {%- else %} {{ this_period }}
        {%- endif %}
    {%- endif %}
{%- endmacro %}

{# Text as a literal of SQL. #}
{% macro quoted(text) -%} '{{ text | replace("'", "''") }}' {%- endmacro %}

{# A template of trait_spec with the names in braces filled in. #}
{% macro fill(template, values) %}
    {% set filled = namespace(text=template) %}
    {% for name, value in values.items() %}
        {% set filled.text = filled.text | replace('{' ~ name ~ '}', value) %}
    {% endfor %}
    {{ return(filled.text) }}
{% endmacro %}
