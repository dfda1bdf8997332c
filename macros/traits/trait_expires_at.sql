{# When the first of a person's windowed traits changes by the clock alone: the moment at which the next event falls out of
   its window. `windows` maps the days of each window to the events that are counted in it; null when nothing will. #}
{% macro trait_expires_at(windows) -%}
    {%- if windows is not mapping or not windows -%}
        {{ exceptions.raise_compiler_error("trait_expires_at needs a mapping of days to event names, got: " ~ windows) }}
    {%- endif -%}
    min(
        case
            {%- for days in windows | sort %}
            when {{ trait_condition(windows[days], days) }}
                then {{ dbt.dateadd('day', days, 'occurred_at') }}
            {%- endfor %}
        end
    )
{%- endmacro %}
