-- Grain: one row per person in profiles. Whom nothing ties to anybody is a household alone.
-- This model solves the graph of household_links as identity_moves solves that of identifiers, and
-- afresh in each run. A household's id is made of the number of its oldest person.
{{ config(post_hook="{{ drop_work_tables(['edges', 'pointers']) }}") }}

-- depends_on: {{ ref('household_links') }}
with

living_people as (

    select * from {{ ref('living_people') }}

),

roots as (

    {{ solve_links(ref('household_links'), node='person_seq', groups=['rule', 'link_key']) }}

),

final as (

    select
        living_people.profile_id,
        {{ household_id('coalesce(roots.root_seq, living_people.person_seq)') }} as household_id
    from living_people
    left join roots on living_people.person_seq = roots.node_seq

)

select * from final
