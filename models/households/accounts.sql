-- Grain: one row per account. The name is the one that most of its people are known under.
with

account_map as (

    select * from {{ ref('account_map') }}

),

profiles as (

    select * from {{ ref('profiles') }}

),

people as (

    select
        account_map.account_id,
        profiles.company_name,
        profiles.first_seen_at,
        profiles.last_seen_at
    from account_map
    inner join profiles on account_map.profile_id = profiles.profile_id

),

names as (

    select
        account_id,
        company_name
    from people
    where company_name is not null
    group by account_id, company_name
    qualify row_number() over (
        partition by account_id order by count(*) desc, company_name asc
    ) = 1

),

sizes as (

    select
        account_id,
        count(*) as count_people,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from people
    group by account_id

),

final as (

    select
        sizes.account_id,
        names.company_name,
        sizes.count_people,
        sizes.first_seen_at,
        sizes.last_seen_at
    from sizes
    left join names on sizes.account_id = names.account_id

)

select * from final
