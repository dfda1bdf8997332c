{# Writes down what became of every model, snapshot, seed and test that ran: on-run-end of each dbt command that runs
   nodes. The latest result of a node replaces the one before it, whether dbt ended well or not. The `checks` and
   `max_feed_age` guards of the syncs read it.

   The columns are those of `dbt_results` in reverse_etl/tables.py; whichever side comes first creates the table. It is
   one transaction, so that a node is never without its last result, with one delete and one insert for a thousand
   nodes. The hook gets the SQL as text, so dbt reports a refusal as it does for any other hook. #}
{% macro record_results(results) %}
    {%- set rows = [] -%}
    {%- for result in results if result.node.resource_type in ('model', 'snapshot', 'seed', 'test') -%}
        {%- do rows.append({
            'id': dbt.string_literal(dbt.escape_single_quotes(result.node.unique_id)),
            'status': dbt.string_literal(result.status | string),
            'failures': 'null' if result.failures is none else result.failures | int,
        }) -%}
    {%- endfor -%}
    {%- if execute and rows %}
        {%- set now = modules.datetime.datetime.now(modules.pytz.utc).replace(tzinfo=none).isoformat(sep=' ') -%}
        {%- set moments = as_of() ~ ", cast('" ~ now ~ "' as " ~ dbt.type_timestamp() ~ ')' -%}
        {%- set table = api.Relation.create(
            database=target.database, schema=target.schema ~ '_engine', identifier='dbt_results'
        ) -%}
        {%- if not adapter.check_schema_exists(table.database, table.schema) %}
            create schema if not exists {{ table.without_identifier() }};
        {%- endif %}
        create table if not exists {{ table }} (
            node_id {{ dbt.type_string() }},
            status {{ dbt.type_string() }},
            failures {{ dbt.type_bigint() }},
            as_of {{ dbt.type_timestamp() }},
            recorded_at {{ dbt.type_timestamp() }}
        );
        begin;
        {%- for chunk in rows | batch(1000) %}
            delete from {{ table }} where node_id in ({{ chunk | map(attribute='id') | join(', ') }});
            insert into {{ table }} (node_id, status, failures, as_of, recorded_at) values
            {%- for row in chunk %}
                ({{ row.id }}, {{ row.status }}, {{ row.failures }}, {{ moments }}){{ ',' if not loop.last }}
            {%- endfor %};
        {%- endfor %}
        commit;
    {%- endif -%}
{% endmacro %}
