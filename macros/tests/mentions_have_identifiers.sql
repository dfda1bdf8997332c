{# Warns of every contract with rows that name no identifier: null, empty, or a word for "no value". They belong to nobody
   and link nobody; here they are counted. #}
{% test mentions_have_identifiers(model, contracts) %}
    {% set sql %}
        {% for contract in contracts %}
            select
                '{{ contract }}' as contract,
                coalesce(identifier_type, 'no type') as identifier_type,
                count(*) as count_rows
            from {{ ref(contract) }}
            where identifier_type is null or {{ is_missing_identifier('identifier_value') }}
            group by coalesce(identifier_type, 'no type')
            {% if not loop.last %}union all{% endif %}
        {% endfor %}
    {% endset %}
    {% if execute and flags.WHICH in ['build', 'test'] %}
        {% for row in run_query(sql).rows %}
            {% do exceptions.warn(
                row[2] ~ ' rows of ' ~ row[0] ~ ' (' ~ row[1] ~ ') name no identifier: nobody gets them. '
                ~ 'Leave such rows out in the source pack, or mend the source.'
            ) %}
        {% endfor %}
    {% endif %}
    {{ sql }}
{% endtest %}
