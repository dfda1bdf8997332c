{# Every mention of an identifier in any contract: identifier_type, identifier_value, seen_at. #}
{% macro identifier_mentions() %}
    select identifier_type, identifier_value, observed_at as seen_at from {{ ref('identifiers') }}
    union all
    select identifier_type, identifier_value, occurred_at as seen_at from {{ ref('events') }}
    union all
    select identifier_type, identifier_value, observed_at as seen_at from {{ ref('traits') }}
    union all
    select identifier_type, identifier_value, occurred_at as seen_at from {{ ref('consents') }}
    union all
    select identifier_type, identifier_value, requested_at as seen_at from {{ ref('erasures') }}
{% endmacro %}
