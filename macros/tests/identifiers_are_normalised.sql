{# Warns of every identifier type with values that its rule's normaliser would change: a pack forgot normalise_identifier,
   and its people are not found under the form that the other packs use. Looks at the 100,000 identifiers seen last. #}
{% test identifiers_are_normalised(model, map) %}
    {% set sql %}
        with seen_last as (
            select
                identifier_type,
                identifier_value
            from {{ map }}
            order by last_seen_at desc nulls last
            limit 100000
        )

        select
            identifier_type,
            count(*) as count_identifiers
        from seen_last
        where
            identifier_value is distinct from case identifier_type
                {% for type in var('identity_rules') if type != 'default' %}
                    when '{{ type }}' then {{ normalise_identifier(type, 'identifier_value') }}
                {% endfor %}
                else identifier_value
            end
        group by identifier_type
    {% endset %}
    {% if execute and flags.WHICH in ['build', 'test'] %}
        {% for row in run_query(sql).rows %}
            {% do exceptions.warn(
                row[1] ~ ' of the identifiers seen last are of the type ' ~ row[0] ~ ' and not in the form that its normaliser ('
                ~ normaliser_of(row[0]) ~ ') gives. Call normalise_identifier in the source pack that names them.'
            ) %}
        {% endfor %}
    {% endif %}
    {{ sql }}
{% endtest %}
