-- Nobody: the unit tests say who there is, and the models need the columns' types.
select
    cast(null as {{ dbt.type_string() }}) as profile_id,
    cast(null as {{ dbt.type_timestamp() }}) as moment
limit 0
