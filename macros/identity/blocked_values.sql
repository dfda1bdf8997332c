{# Which identifiers of a CTE the list of blocked values names, and why, as SQL: identifier_type, identifier_value, because.

   Most of the list are whole values, which a hash join finds. Only the rest is compared pattern by pattern, and only with
   identifiers of the pattern's type. #}
{% macro blocked_values(sighted) %}
    {%- set conditions = {
        'whole values': ["lower(sighted.identifier_value) = blocked.value_pattern"
            ~ " and blocked.identifier_type in ('any', sighted.identifier_type)", 'not blocked.is_pattern'],
        'patterns of a type': ["sighted.identifier_type = blocked.identifier_type"
            ~ " and lower(sighted.identifier_value) like blocked.value_pattern", 'blocked.is_pattern'],
        'patterns of all types': ["lower(sighted.identifier_value) like blocked.value_pattern",
            "blocked.is_pattern and blocked.identifier_type = 'any'"],
    } -%}
    with blocked as (
        select
            identifier_type,
            value_pattern,
            because,
            value_pattern <> replace(replace(value_pattern, '%', ''), '_', '') as is_pattern
        from {{ ref('blocked_identifiers') }}
    ),

    matches as (
        {%- for found in conditions.values() %}
        select sighted.identifier_type, sighted.identifier_value, blocked.because
        from {{ sighted }} as sighted
        inner join blocked on {{ found[0] }}
        where {{ found[1] }}
        {%- if not loop.last %}
        union all
        {%- endif %}
        {%- endfor %}
    )

    select identifier_type, identifier_value, min(because) as because
    from matches
    group by identifier_type, identifier_value
{% endmacro %}
