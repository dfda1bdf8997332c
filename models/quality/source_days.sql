-- Grain: one row per raw table and day on which rows were loaded into it.
-- A row whose time of loading cannot be read is of no day (loaded_on is null).
with

final as (
    {{ raw_days() }}
)

select * from final
