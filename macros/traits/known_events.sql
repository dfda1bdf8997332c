{# The events that each entity was known to have had at each of its moments. #}
{% macro known_events(people, events, entity, moment) -%}
    select
            {{ events }}.*,
            {{ people }}.{{ moment }}
        from {{ people }}
        inner join {{ events }}
            on
                {{ people }}.{{ entity }} = {{ events }}.{{ entity }}
                and {{ events }}.occurred_at <= {{ people }}.{{ moment }}
                and {{ events }}.received_at <= {{ people }}.{{ moment }}
{%- endmacro %}
