-- Grain: one row per rule, key and person: what ties people to one household. A key of one person
-- alone is left out.
-- A key that more people have than its rule allows is that of a hotel or an office: it stays here,
-- not active, and ties nobody.
{% set rules = link_rules(
    'household_rules', ['same', 'shared', 'kept_apart'], ['max_people']
) %}

with

profiles as (

    select * from {{ ref('profiles') }}

),

living_people as (

    select * from {{ ref('living_people') }}

),

household_shared as (

    select * from {{ ref('household_shared') }}

),

people as (

    select
        {% for column in link_columns(rules) %}
            {{ link_column(column) }} as {{ column }},
        {% endfor %}
        living_people.person_seq,
        living_people.component_seq
    from living_people
    inner join profiles on living_people.profile_id = profiles.profile_id

),

claims as (

    {% for rule in rules %}
        {{ link_claims(rule) }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

counted as (

    select
        *,
        count(*) over (partition by rule, link_key) as count_people,
        {{ link_limit(rules, 'max_people') }} as max_people
    from claims

),

final as (

    select
        living_people.profile_id,
        counted.rule,
        counted.link_key,
        counted.person_seq,
        counted.count_people,
        counted.count_people <= counted.max_people as is_active,
        case
            when counted.count_people > counted.max_people
                then 'more than ' || cast(counted.max_people as varchar) || ' people'
        end as inactive_reason
    from counted
    inner join living_people on counted.person_seq = living_people.person_seq
    where counted.count_people > 1

)

select * from final
