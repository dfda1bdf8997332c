{# The columns that make a statement what it is. #}
{% macro statement_columns() %}
    {{ return(['source', 'record_id', 'identifier_type', 'identifier_value', 'attribute', 'value', 'observed_at']) }}
{% endmacro %}

{# Two statements are the same when these hashes are. They are compared within a run and never kept, so it does not matter
   when a new version of the warehouse hashes differently. #}
{% macro statement_hash(relation='') -%}
    {%- set columns = [] -%}
    {%- for column in statement_columns() -%}
        {%- do columns.append((relation ~ '.' if relation else '') ~ column) -%}
    {%- endfor -%}
    {{ fast_hash(columns) }}
{%- endmacro %}

{# The statements that stood when the last run ended. #}
{% macro open_statements() -%}
    {%- if is_incremental() -%}
    select {{ statement_hash() }} as statement_hash
    from {{ this }}
    where withdrawn_at is null
    {%- else -%}
    select cast(null as {{ dbt.type_bigint() }}) as statement_hash where false
    {%- endif -%}
{%- endmacro %}

{# Whether no run for a later moment has written the history. #}
{% macro is_latest_run() -%}
    {%- if is_incremental() -%}
    {{ as_of() }} >= (select coalesce(max(coalesce(withdrawn_at, recorded_at)), {{ as_of() }}) from {{ this }})
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}

{# Notes of the statements that the sources make no more when that was found. #}
{% macro withdraw_statements(statements) %}
    {%- if is_incremental() -%}
    update {{ this }}
    set withdrawn_at = {{ as_of() }}
    where
        withdrawn_at is null
        and {{ is_latest_run() }}
        and {{ statement_hash() }} not in (select {{ statement_hash() }} from {{ statements }})
    {%- endif -%}
{% endmacro %}

{# Takes out what was said of people who have asked to be erased since. #}
{% macro forget_erased_statements(suppressions) %}
    {%- if is_incremental() -%}
    delete from {{ this }}
    where (identifier_type, identifier_value) in (
        select identifier_type, identifier_value
        from {{ suppressions }}
        where reason = 'erasure_request'
    )
    {%- endif -%}
{% endmacro %}
