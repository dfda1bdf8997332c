{# Fails with every combination of the columns that occurs more than once, or that lacks one of them: a primary key. #}
{% test unique_combination(model, columns) %}
{% if columns is string or columns | length < 2 %}
    {{ exceptions.raise_compiler_error(
        "unique_combination on " ~ model ~ " needs a list of two columns or more; "
        ~ "for one column use the tests `unique` and `not_null`."
    ) }}
{% endif %}
select
    {{ columns | join(', ') }},
    count(*) as count_rows
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{%- for column in columns %} or {{ column }} is null{% endfor %}
{% endtest %}
