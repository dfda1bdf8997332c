-- Grain: one row per source pack and contract.
-- Rows in are rows used and rows quarantined, each counted where it is: a row can get lost nowhere.
-- What is left out (a deleted order, a receipt without a card) is no row of the contract.
with

{% for contract in contract_names() %}
checked_{{ contract }} as (

    select
        source,
        '{{ contract }}' as contract,
        count(*) as rows_brought,
        count(case when held_because like 'left out: %' then 1 end) as rows_left_out,
        max({{ 'received_at' if contract == 'events' else contract_time(contract) }}) as newest_at
    from {{ ref('checked_' ~ contract) }}
    group by source

),

used_{{ contract }} as (

    select
        source,
        '{{ contract }}' as contract,
        count(*) as rows_used
    from {{ ref(contract) }}
    group by source

),

{% endfor %}
checked as (
    {% for contract in contract_names() %}
    select * from checked_{{ contract }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

used as (
    {% for contract in contract_names() %}
    select * from used_{{ contract }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

quarantined as (

    select
        source,
        contract,
        sum(count_rows) as rows_quarantined
    from {{ ref('quarantine') }}
    group by source, contract

),

final as (

    select
        checked.source,
        checked.contract,
        checked.rows_brought - checked.rows_left_out as rows_in,
        coalesce(used.rows_used, 0) as rows_used,
        cast(coalesce(quarantined.rows_quarantined, 0) as {{ dbt.type_bigint() }}) as rows_quarantined,
        checked.rows_left_out,
        checked.newest_at
    from checked
    left join used
        on checked.source = used.source and checked.contract = used.contract
    left join quarantined
        on checked.source = quarantined.source and checked.contract = quarantined.contract

)

select * from final
