{# Warns of every rule, and of every type under shared_above, that no identifier in the data is of: a source that is not
   switched on, or a misspelt rule that leaves its type to the default. The warning names the type. #}
{% test every_rule_has_identifiers(model, map, blocked) %}
    {% set sql %}
        with found as (
            select identifier_type from {{ map }}
            union
            select identifier_type from {{ blocked }}
        ),

        named as (
            select identifier_type from {{ model }}
            union
            select neighbour_type as identifier_type from {{ model }}
        )

        select distinct named.identifier_type
        from named
        left join found on named.identifier_type = found.identifier_type
        where named.identifier_type not in ('default', 'any') and found.identifier_type is null
    {% endset %}
    {% if execute and flags.WHICH in ['build', 'test'] %}
        {% for row in run_query(sql).rows %}
            {% do exceptions.warn(
                'dbt_project.yml, vars: identity_rules names the type ' ~ row[0] ~ ', of which there are no identifiers.'
                ~ ' Mend the spelling, or switch on the source that has them.'
            ) %}
        {% endfor %}
    {% endif %}
    {{ sql }}
{% endtest %}
