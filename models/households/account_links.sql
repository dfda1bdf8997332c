-- Grain: one row per rule, key and person: what ties people to one account.
-- A mail provider's domain, and a key that its rule's limits find too common, stays here, not
-- active, and ties nobody.
{% set rules = link_rules(
    'account_rules', ['same', 'domain_of'], ['max_people', 'max_others', 'min_share']
) %}

with

account_claims as (

    select * from {{ ref('account_claims') }}

),

account_keys as (

    select * from {{ ref('account_keys') }}

),

-- Under how many names the people of one domain are known, how many of them, and the other way
-- round.
others as (

    select
        mine.key_hash,
        count(distinct theirs.key_hash) as count_others,
        count(distinct mine.person_seq) as count_confirmed
    from account_claims as mine
    inner join account_claims as theirs
        on mine.person_seq = theirs.person_seq and mine.rule <> theirs.rule
    where not theirs.is_free_mail
    group by mine.key_hash

),

counted as (

    select
        *,
        count(*) over (partition by key_hash) as count_people,
        {{ link_limit(rules, 'max_people') }} as max_people,
        {{ link_limit(rules, 'max_others') }} as max_others,
        {{ link_limit(rules, 'min_share') }} as min_share
    from account_claims

),

judged as (

    select
        counted.*,
        coalesce(others.count_others, 0) as count_others,
        case
            when counted.is_free_mail then 'free mail'
            when counted.count_people > counted.max_people
                then 'more than ' || cast(counted.max_people as varchar) || ' people'
            when others.count_others > counted.max_others
                then 'more than ' || cast(counted.max_others as varchar) || ' others'
            when
                100 * coalesce(others.count_confirmed, 0)
                < counted.min_share * counted.count_people
                then 'confirmed by less than ' || cast(counted.min_share as varchar) || ' %'
        end as inactive_reason
    from counted
    left join others on counted.key_hash = others.key_hash

),

final as (

    select
        judged.profile_id,
        judged.rule,
        judged.link_key,
        judged.person_seq,
        account_keys.key_seq,
        judged.count_people,
        judged.count_others,
        judged.inactive_reason is null as is_active,
        judged.inactive_reason
    from judged
    inner join account_keys on judged.key_hash = account_keys.key_hash

)

select * from final
