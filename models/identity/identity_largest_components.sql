-- Grain: one row per component, the hundred largest.
-- A component is what active edges connect, before any limit keeps people apart in it. Limits hide
-- from the profiles that one grows into a ball, but not from here.
with labels as (
    select
        node_seq,
        component_seq,
        canonical_seq
    from {{ ref('identity_labels') }}
),

sizes as (
    select
        component_seq,
        count(*) as count_identifiers
    from labels
    group by component_seq
    having count(*) > 1
),

ranked as (
    select
        component_seq,
        count_identifiers,
        row_number() over (order by count_identifiers desc, component_seq asc) as position
    from sizes
),

largest as (
    select * from ranked
    where position <= 100
),

people as (
    select
        labels.component_seq,
        count(distinct labels.canonical_seq) as count_people
    from labels
    inner join largest on labels.component_seq = largest.component_seq
    group by labels.component_seq
),

final as (
    select
        largest.component_seq,
        largest.count_identifiers,
        people.count_people,
        largest.position
    from largest
    inner join people on largest.component_seq = people.component_seq
)

select * from final
