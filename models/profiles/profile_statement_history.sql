-- Grain: one statement of a source about one attribute of one identifier, as it was at some run.
-- Staging has the latest value only: this keeps the ones before it, which the raw data may not
-- give back, so a full refresh keeps it too. A run for an earlier moment than the last one writes
-- nothing.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='append_new_columns',
        full_refresh=false,
        post_hook=[
            "{{ withdraw_statements(ref('profile_statements')) }}",
            "{{ forget_erased_statements(ref('suppressions')) }}",
        ],
    )
}}

with

profile_statements as (

    select * from {{ ref('profile_statements') }}

),

erased as (

    select
        identifier_type,
        identifier_value
    from {{ ref('suppressions') }}
    where reason = 'erasure_request'

),

open_statements as (

    {{ open_statements() }}

),

final as (

    select
        {% for column in statement_columns() -%}
            profile_statements.{{ column }},
        {% endfor -%}
        {{ as_of() }} as recorded_at,
        cast(null as {{ dbt.type_timestamp() }}) as withdrawn_at
    from profile_statements
    left join erased
        on
            profile_statements.identifier_type = erased.identifier_type
            and profile_statements.identifier_value = erased.identifier_value
    left join open_statements
        on {{ statement_hash('profile_statements') }} = open_statements.statement_hash
    where
        erased.identifier_value is null
        and open_statements.statement_hash is null
        and {{ is_latest_run() }}

)

select * from final
