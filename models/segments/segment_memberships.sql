-- Grain: one row per segment and person who is in it now.
with

segment_history as (

    select * from {{ ref('segment_history') }}

),

final as (

    select
        segment,
        profile_id,
        entered_at
    from segment_history
    where exited_at is null

)

select * from final
