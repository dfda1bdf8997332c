-- Grain: one row per rule, key and person: which company's name or domain a person is known by,
-- before any limit.
{% set rules = link_rules(
    'account_rules', ['same', 'domain_of'], ['max_people', 'max_others', 'min_share']
) %}

with

profiles as (

    select * from {{ ref('profiles') }}

),

living_people as (

    select * from {{ ref('living_people') }}

),

identity_map as (

    select * from {{ ref('identity_map') }}

),

free_mail_domains as (

    select * from {{ ref('free_mail_domains') }}

),

people as (

    select
        {% for column in link_columns(rules) %}
            {{ link_column(column) }} as {{ column }},
        {% endfor %}
        living_people.person_seq
    from living_people
    inner join profiles on living_people.profile_id = profiles.profile_id

),

addresses as (

    select
        identity_map.identifier_type,
        identity_map.identifier_value,
        living_people.person_seq
    from identity_map
    inner join living_people on identity_map.profile_id = living_people.profile_id

),

claims as (

    {% for rule in rules %}
        {{ link_claims(rule) }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

final as (

    select
        claims.rule,
        claims.link_key,
        claims.person_seq,
        living_people.profile_id,
        living_people.first_seen_at,
        free_mail_domains.domain is not null as is_free_mail,
        {{ hash_text(['claims.rule', 'claims.link_key']) }} as key_hash
    from claims
    inner join living_people on claims.person_seq = living_people.person_seq
    left join free_mail_domains on claims.link_key = free_mail_domains.domain

)

select * from final
