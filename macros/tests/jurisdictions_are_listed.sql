{# Warns of every jurisdiction that the data names and the seed does not have. Its people are opt-in for every purpose.
   The warning names the jurisdiction. #}
{% test jurisdictions_are_listed(model) %}
    {% set sql %}
        select
            jurisdiction,
            count(*) as count_people
        from {{ model }}
        where regime = 'unlisted'
        group by jurisdiction
    {% endset %}
    {% if execute and flags.WHICH in ['build', 'test'] %}
        {% for row in run_query(sql).rows %}
            {% do exceptions.warn(
                row[1] ~ ' people are in the jurisdiction ' ~ row[0] ~ ', which seeds/jurisdictions.csv does not have: they'
                ~ ' are opt-in for every purpose. Add it there, or mend the spelling in the source pack.'
            ) %}
        {% endfor %}
    {% endif %}
    {{ sql }}
{% endtest %}
