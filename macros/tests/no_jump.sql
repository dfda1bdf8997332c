{# Fails with one row, which says so in words, when a metric of identity_health has jumped: its `column` (value or
   share) is more than `times` its median over the last `days` days measured before, and no column is below its floor
   in `at_least`. Without a day before on which there were people, there is nothing to compare with, and nothing fails.

   dbt only counts the rows of a test, so the words are logged as a warning too, after the test's name: they are in its
   output and, in Dagster, on the asset check. `unit` is what is counted, `then` what to do about it. #}
{% test no_jump(model, metric, column, times, days, at_least, unit, then) %}
{% if column not in ['value', 'share'] or times is not number or days is not integer or days < 1 or at_least is not mapping %}
    {{ exceptions.raise_compiler_error(
        'no_jump of ' ~ metric ~ ' takes column: value or share, times: a number, days: a whole number above 0, '
        ~ 'at_least: {value: 100} or the like'
    ) }}
{% endif %}
{% set sql = jump_query(model, metric, column, times, days, at_least, unit, then) %}
{% if execute and flags.WHICH in ['build', 'test', 'retry'] %}
    {% for row in run_query(sql) %}
        {% do exceptions.warn(this.identifier ~ ': ' ~ row[0]) %}
    {% endfor %}
{% endif %}
{{ sql }}
{% endtest %}

{% macro jump_query(model, metric, column, times, days, at_least, unit, then) -%}
with peopled as (
    select measured_on from {{ model }}
    where metric = 'people' and value > 0
),

measured as (
    select
        health.measured_on,
        health.value,
        health.share,
        health.{{ column }} as watched,
        row_number() over (order by health.measured_on desc) as days_ago
    from {{ model }} as health
    inner join peopled on health.measured_on = peopled.measured_on
    where health.metric = '{{ metric }}' and health.detail = 'all' and health.identifier_type = 'any'
),

before as (
    select
        median(watched) as watched,
        count(*) as count_days
    from measured
    where days_ago between 2 and {{ days + 1 }}
)

select
    'The metric {{ metric }} of {{ model.identifier }} jumped on '
    || cast(today.measured_on as varchar) || ': '
    || cast(today.value as varchar) || ' {{ unit }}'
    {%- if column == 'share' %} || ' (' || {{ percent('today.share') }} || ')'{% endif %}
    || ', more than {{ times }} times the '
    || {{ 'cast(cast(round(before.watched) as ' ~ dbt.type_bigint() ~ ') as varchar)' if column == 'value' else percent('before.watched') }}
    || case
        when before.count_days = 1 then ' of the day measured before. '
        else ' that was usual on the ' || cast(before.count_days as varchar) || ' days measured before. '
    end
    || {{ dbt.string_literal(dbt.escape_single_quotes(then | trim)) }} as says
from measured as today
cross join before
where
    today.days_ago = 1
    and before.count_days > 0
    and today.watched > {{ times }} * before.watched
    {%- for name, least in at_least.items() %}
    and today.{{ name }} >= {{ least }}
    {%- endfor %}
{%- endmacro %}

{% macro percent(share) -%}
    cast(cast(100 * {{ share }} as decimal(9, 2)) as varchar) || ' %'
{%- endmacro %}
