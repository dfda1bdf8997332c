{# Warns of every purpose in the statements that the seed does not have: a source that spells one otherwise, or a purpose
   that nobody has written down. Nothing is sent for it, for no sync can name it. The warning names the purpose. #}
{% test purposes_are_known(model, purposes) %}
    {% set sql %}
        select
            said.purpose,
            min(said.source) as source,
            count(*) as count_statements
        from {{ model }} as said
        left join {{ purposes }} as purposes on said.purpose = purposes.purpose
        where purposes.purpose is null
        group by said.purpose
    {% endset %}
    {% if execute and flags.WHICH in ['build', 'test'] %}
        {% for row in run_query(sql).rows %}
            {% do exceptions.warn(
                row[2] ~ ' statements (' ~ row[1] ~ ') are about the purpose ' ~ row[0] ~ ', which seeds/purposes.csv does not'
                ~ ' have: no sync can use them. Add it there, or mend the spelling in the source pack.'
            ) %}
        {% endfor %}
    {% endif %}
    {{ sql }}
{% endtest %}
