-- Grain: one row per person who belongs to an account; most people belong to none.
-- What is solved here are the names and domains of companies, which people tie together as records
-- tie identifiers. So an account keeps its id when people leave it.
{{ config(post_hook="{{ drop_work_tables(['edges', 'pointers']) }}") }}

-- depends_on: {{ ref('account_links') }}
with

account_links as (

    select
        profile_id,
        min(key_seq) as key_seq
    from {{ ref('account_links') }}
    where is_active
    group by profile_id

),

roots as (

    {{ solve_links(ref('account_links'), node='key_seq', groups=['person_seq']) }}

),

final as (

    select
        account_links.profile_id,
        {{ account_id('coalesce(roots.root_seq, account_links.key_seq)') }} as account_id
    from account_links
    left join roots on account_links.key_seq = roots.node_seq

)

select * from final
