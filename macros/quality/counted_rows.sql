{# How many rows each pack brought for one contract, and how many of them are left out, used, and how new the newest is.

   The rows used are counted in the contract itself and not by the reason that they lack, so that the sum is a proof. #}
{% macro counted_rows(contract) -%}
    select
        brought.source,
        '{{ contract }}' as contract,
        brought.rows_brought,
        brought.rows_left_out,
        coalesce(used.rows_used, 0) as rows_used,
        brought.newest_at
    from (
        select
            source,
            count(*) as rows_brought,
            count(case when held_because like 'left out: %' then 1 end) as rows_left_out,
            max({{ 'received_at' if contract == 'events' else contract_time(contract) }}) as newest_at
        from {{ ref('checked_' ~ contract) }}
        group by source
    ) as brought
    left join (
        select
            source,
            count(*) as rows_used
        from {{ ref(contract) }}
        group by source
    ) as used
        on brought.source = used.source
{%- endmacro %}
