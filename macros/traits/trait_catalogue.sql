{# Traits as rows, to join to: trait, kind, events (their names, sorted), time_window, is_expiring (whether it goes stale by
   the clock alone). #}
{% macro trait_catalogue(traits) %}
    {%- do check_traits(traits) -%}
    {%- for name, trait in traits.items() %}
    select
        {{ quoted(name) }} as trait,
        {{ quoted(trait.kind) }} as kind,
        {{ quoted(trait.events | sort | join(', ')) }} as events,
        {{ quoted(trait_window_words(trait.window)) }} as time_window,
        {{ 'true' if trait.expires or window_column(trait) else 'false' }} as is_expiring
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{% endmacro %}

{# A window as people say it. #}
{% macro trait_window_words(window) -%}
    {%- if window.kind == 'sliding' -%} {{ window.days }} days
    {%- elif window.kind == 'calendar' -%}
        {{ ['this ', 'last '][window.ago] ~ window.unit if window.ago < 2 else window.ago ~ ' ' ~ window.unit ~ 's ago' }}
    {%- elif window.kind == 'session' -%} latest session
    {%- else -%} lifetime
    {%- endif -%}
{%- endmacro %}
