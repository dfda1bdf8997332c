{# Warns of every identifier type in the data that no rule names, and so follows the default: a new source, or a pack that
   spells a type otherwise ("emial"). The warning names the type, for dbt itself only counts. #}
{% test every_type_has_a_rule(model, map, blocked) %}
    {% set sql %}
        with found as (
            select identifier_type from {{ map }}
            union all
            select identifier_type from {{ blocked }}
        )

        select
            found.identifier_type,
            count(*) as count_identifiers
        from found
        left join {{ model }} as rules on found.identifier_type = rules.identifier_type
        where rules.identifier_type is null
        group by found.identifier_type
    {% endset %}
    {% if execute and flags.WHICH in ['build', 'test'] %}
        {% for row in run_query(sql).rows %}
            {% do exceptions.warn(
                row[1] ~ ' identifiers are of the type ' ~ row[0] ~ ', which dbt_project.yml, vars: identity_rules does not name:'
                ~ ' they follow default. Name it there, or mend the spelling in the source pack.'
            ) %}
        {% endfor %}
    {% endif %}
    {{ sql }}
{% endtest %}
