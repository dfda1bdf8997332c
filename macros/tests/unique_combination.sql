{# Fails with every combination of the columns that occurs more than once. #}
{% test unique_combination(model, columns) %}
{% if columns is string or columns | length < 2 %}
    {{ exceptions.raise_compiler_error(
        "unique_combination on " ~ model ~ " needs a list of two columns or more; "
        ~ "for one column use the test `unique`."
    ) }}
{% endif %}
select
    {{ columns | join(', ') }},
    count(*) as count_rows
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
