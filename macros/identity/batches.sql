{# The number of the last batch that was finished, as SQL; 0 before the first.

   identity_batches gets its row when everything else of a batch is written. What carries a higher number was
   written by a run that is under way or was killed, and counts as news. #}
{% macro finished_batch() -%}
    {%- set batches = stored_relation('identity_batches') -%}
    {%- if batches is none -%} cast(0 as {{ dbt.type_bigint() }})
    {%- else -%} (select coalesce(max(batch), 0) from {{ batches }})
    {%- endif -%}
{%- endmacro %}

{# The number of the batch that this run makes, as SQL: above all that any run has written on a label, so that a
   killed run's number is not given to other moves. #}
{% macro next_batch() -%}
    (
        select greatest(coalesce(max(labels.batch), 0), {{ finished_batch() }}) + 1
        from {{ stored_state('identity_labels') }} as labels
    )
{%- endmacro %}

{# Whether the rules are those of the last finished batch. Without one, or with one that did not note them, they are not. #}
{% macro has_same_rules() %}
    {% set batches = stored_relation('identity_batches') %}
    {% if batches is none %}
        {{ return(false) }}
    {% endif %}
    {% set found = run_query('select rules_hash from ' ~ batches ~ ' order by batch desc limit 1') %}
    {{ return(found.rows | length > 0 and found.rows[0][0] == rules_hash()) }}
{% endmacro %}

{# Whether a label moved in this batch, or in one that was killed. A run without news need not look for whose. #}
{% macro has_moved_labels() %}
    {# `dbt compile` and its like render this too, where there need be no labels yet. #}
    {% if not execute or flags.WHICH not in ['build', 'run', 'retry'] %}
        {{ return(true) }}
    {% endif %}
    {% set counted = 'select count(*) from ' ~ ref('identity_labels') ~ ' where batch > ' ~ finished_batch() %}
    {{ return(run_query(counted).rows[0][0] | int > 0) }}
{% endmacro %}
