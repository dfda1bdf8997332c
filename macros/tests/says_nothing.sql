{# Fails with every row of the model for which the condition holds, and says each in words as a warning: dbt by itself only
   counts them. `says` is an SQL expression. #}
{% test says_nothing(model, condition, says) %}
    {% set sql %}
        select {{ says }} as says
        from {{ model }}
        where {{ condition }}
        order by 1
    {% endset %}
    {% if execute and flags.WHICH in ['build', 'test', 'retry'] %}
        {% for row in run_query(sql).rows %}
            {% do exceptions.warn(row[0]) %}
        {% endfor %}
    {% endif %}
    {{ sql }}
{% endtest %}
