{# Stops before the history is written where a segment names nobody or somebody twice. The tests of the segment say so
   first in `dbt build`; `dbt run` has none. #}
{% macro refuse_unfit_members(members) %}
    {% if execute %}
        {% set query %}
            select
                segment,
                count(*) - count(profile_id) as count_nobody,
                count(profile_id) - count(distinct profile_id) as count_repeated
            from {{ members }}
            group by segment
            having count(*) > count(distinct profile_id)
            order by segment
        {% endset %}
        {% set found = [] %}
        {% for row in run_query(query) %}
            {% set node = segment_node(row[0]) %}
            {% do found.append(
                (node.original_file_path if node else 'seg_' ~ row[0]) ~ ', column profile_id: ' ~ row[1] ~ ' empty, '
                ~ row[2] ~ ' repeated'
            ) %}
        {% endfor %}
        {% if found %}
            {{ exceptions.raise_compiler_error(
                'a segment holds each person once, and these do not, so the history was not written: ' ~ found | join('; ')
            ) }}
        {% endif %}
    {% endif %}
{% endmacro %}
