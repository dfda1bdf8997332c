{# A number of an event as profile_events shows it: it differs as soon as one column does. `events` is the CTE's name. #}
{% macro event_hash(events) -%}
    {%- set hashed = [] -%}
    {%- for column in ['event_id', 'source', 'event_name', 'occurred_at', 'received_at', 'properties'] -%}
        {%- do hashed.append(events ~ '.' ~ column) -%}
    {%- endfor -%}
    {{- fast_hash(hashed) -}}
{%- endmacro %}

{# A number of all of somebody's events, from how many there are and the sum of their hashes, in whatever parts they were
   added up. Whoever has the same number twice has the same events twice, in any order.

   Both are hashed as text, as sums of sums are wider than what either warehouse has for whole numbers everywhere. #}
{% macro events_fingerprint(count, total) -%}
    {{ fast_hash(['cast(' ~ count ~ ' as varchar)', 'cast(' ~ total ~ ' as varchar)']) }}
{%- endmacro %}
