-- Grain: one row per shared identifier and person who uses it. What a person must not be told by,
-- the family's tablet or the couple's address, is what a household is told by.
with

living_people as (

    select * from {{ ref('living_people') }}

),

labels as (

    select * from {{ ref('identity_labels') }}

),

nodes as (

    select * from {{ ref('identity_nodes') }}

),

edges as (

    select * from {{ ref('identity_edges') }}

),

shared as (

    select node_seq
    from {{ ref('identity_shared') }}
    -- Without a reason it is shared no more.
    where reason is not null

),

-- What a source says now of a shared identifier: that it is shared is the only reason why the edge
-- does not link, unless somebody decided by hand that it does.
stated as (

    select
        a,
        b
    from edges
    where is_active or inactive_reason like 'shared %'

),

neighbours as (

    select
        stated.a as shared_seq,
        stated.b as neighbour_seq
    from stated
    inner join shared on stated.a = shared.node_seq

    union

    select
        stated.b as shared_seq,
        stated.a as neighbour_seq
    from stated
    inner join shared on stated.b = shared.node_seq

),

-- A neighbour that is itself shared, a tablet with the couple's address, is nobody.
final as (

    select distinct
        nodes.identifier_type,
        neighbours.shared_seq,
        living_people.person_seq
    from neighbours
    inner join nodes on neighbours.shared_seq = nodes.node_seq
    inner join labels on neighbours.neighbour_seq = labels.node_seq
    inner join living_people on labels.canonical_seq = living_people.person_seq
    left join shared on neighbours.neighbour_seq = shared.node_seq
    where shared.node_seq is null

)

select * from final
