-- Grain: one row per source pack and contract.
-- Rows in are rows used and rows quarantined, each counted where it is: no row gets lost. What is
-- left out (a deleted order, a receipt without a card) is no row of the contract.
with

quarantine as (

    select * from {{ ref('quarantine') }}

),

counted as (

    {{ counted_rows('identifiers') }}

    union all

    {{ counted_rows('events') }}

    union all

    {{ counted_rows('traits') }}

    union all

    {{ counted_rows('consents') }}

    union all

    {{ counted_rows('erasures') }}

),

quarantined as (

    select
        source,
        contract,
        sum(count_rows) as rows_quarantined
    from quarantine
    group by source, contract

),

final as (

    select
        counted.source,
        counted.contract,
        counted.rows_brought - counted.rows_left_out as rows_in,
        counted.rows_used,
        cast(coalesce(quarantined.rows_quarantined, 0) as bigint) as rows_quarantined,
        counted.rows_left_out,
        counted.newest_at
    from counted
    left join quarantined
        on
            counted.source = quarantined.source
            and counted.contract = quarantined.contract

)

select * from final
