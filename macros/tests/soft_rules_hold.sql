{# Warns of the rows that break a soft rule of their raw table (severity: warn, and the type of a column that no hard rule
   names): they are used, without the value that cannot be read. Looks at what was loaded in the `days` before the run. #}
{% test soft_rules_hold(model, days) %}
    {% set sql %}
        {%- set found = [] %}
        {%- for node in (watched_tables() if execute else []) %}
            {%- set rules = broken_rules(node, 'warn') %}
            {%- if rules %} {%- do found.append((node, rules)) %} {%- endif %}
        {%- endfor %}
        {%- for node, rules in found %}
            select
                '{{ pack_of(node) }}.{{ node.name }}' as raw_table,
                broken,
                count(*) as count_rows
            from (
                select {{ first_broken(rules) }} as broken
                from {{ node.relation_name }}
                where {{ node.loaded_at_field }} > {{ dbt.dateadd('day', -days, as_of()) }}
            ) as loaded
            where broken is not null
            group by broken
            {{ 'union all' if not loop.last }}
        {%- else %}
            select cast(null as varchar) as raw_table, cast(null as varchar) as broken, 0 as count_rows
            where false
        {%- endfor %}
    {% endset %}
    {% if execute and flags.WHICH in ['build', 'test', 'retry'] %}
        {% for row in run_query(sql).rows %}
            {% do exceptions.warn(
                row[2] ~ ' rows of ' ~ row[0] ~ ' that were loaded in the last ' ~ days ~ ' days break a rule of its yml ('
                ~ row[1] ~ '). They are used without that value; mend the source, or the rule.'
            ) %}
        {% endfor %}
    {% endif %}
    {{ sql }}
{% endtest %}
