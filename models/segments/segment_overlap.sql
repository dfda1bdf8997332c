-- Grain: one row per pair of followed segments, the one that comes first in the alphabet as
-- `segment`; pairs that share nobody are there, too.
with

segment_definitions as (

    select * from {{ ref('segment_definitions') }}

),

segment_memberships as (

    select * from {{ ref('segment_memberships') }}

),

sizes as (

    select
        segment_definitions.segment,
        count(segment_memberships.profile_id) as members
    from segment_definitions
    left join segment_memberships
        on segment_definitions.segment = segment_memberships.segment
    group by segment_definitions.segment

),

shared as (

    select
        ours.segment,
        theirs.segment as other_segment,
        count(*) as members_of_both
    from segment_memberships as ours
    inner join segment_memberships as theirs
        on
            ours.profile_id = theirs.profile_id
            and ours.segment < theirs.segment
    group by ours.segment, theirs.segment

),

pairs as (

    select
        sizes.segment,
        other_sizes.segment as other_segment,
        sizes.members,
        other_sizes.members as other_members,
        coalesce(shared.members_of_both, 0) as members_of_both
    from sizes
    inner join sizes as other_sizes
        on sizes.segment < other_sizes.segment
    left join shared
        on
            sizes.segment = shared.segment
            and other_sizes.segment = shared.other_segment

),

final as (

    select
        *,
        {{ round_half_up(
            'members_of_both / nullif(members + other_members - members_of_both, 0)', 4, precision=5
        ) }} as jaccard
    from pairs

)

select * from final
