-- Nothing, as people.
select
    cast(null as {{ dbt.type_string() }}) as event_id,
    cast(null as {{ dbt.type_string() }}) as profile_id,
    cast(null as {{ dbt.type_string() }}) as event_name,
    cast(null as {{ dbt.type_timestamp() }}) as occurred_at,
    cast(null as {{ dbt.type_timestamp() }}) as received_at,
    cast(null as decimal(18, 4)) as amount,
    cast(null as {{ dbt.type_string() }}) as channel
limit 0
