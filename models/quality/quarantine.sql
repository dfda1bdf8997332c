-- Grain: one row per record of a contract and rule that it breaks. Made anew in each run: a record
-- is gone from here, and back in its contract, once its raw row is mended.
-- A row holds no value of the record, and of an erased person not even its id.
with

source_days as (

    select * from {{ ref('source_days') }}

),

erased_identifiers as (

    select * from {{ ref('erased_identifiers') }}

),

held as (

    {{ held_rows('identifiers') }}

    union all

    {{ held_rows('events') }}

    union all

    {{ held_rows('traits') }}

    union all

    {{ held_rows('consents') }}

    union all

    {{ held_rows('erasures') }}

),

reasons as (

    select
        held.source,
        held.contract,
        held.raw_table,
        case when erased_identifiers.identifier_value is null then held.record_id end as record_id,
        held.reason,
        held.seen_at,
        1 as count_rows
    from held
    left join erased_identifiers
        on
            held.identifier_type = erased_identifiers.identifier_type
            and held.identifier_value = erased_identifiers.identifier_value

    union all

    -- a raw row without its key cannot be named: there is one row for all of a table
    select
        source,
        'raw' as contract,
        raw_table,
        cast(null as varchar) as record_id,
        key_column || ': missing' as reason,
        newest_at as seen_at,
        rows_without_key as count_rows
    from source_days
    where rows_without_key > 0

),

final as (

    select
        source,
        contract,
        coalesce(raw_table, '') as raw_table,
        coalesce(record_id, '') as record_id,
        reason,
        cast(sum(count_rows) as {{ dbt.type_bigint() }}) as count_rows,
        max(seen_at) as seen_at
    from reasons
    group by source, contract, coalesce(raw_table, ''), coalesce(record_id, ''), reason

)

select * from final
