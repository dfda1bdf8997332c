{# Whether an event counts towards a trait: its name, or one of several, and optionally its age and any other condition.

   A window is open at its far end: an event of exactly N days ago is outside, so that it leaves at the very moment
   that trait_expires_at names. #}
{% macro trait_condition(events, within_days=none, where=none) -%}
    event_name in ('{{ ([events] if events is string else events) | join("', '") }}')
    {%- if within_days is not none %} and occurred_at > {{ dbt.dateadd('day', -within_days, as_of()) }}{% endif -%}
    {%- if where is not none %} and ({{ where }}){% endif -%}
{%- endmacro %}
