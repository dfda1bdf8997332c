-- Grain: one row per person, attribute, value and source: every candidate that survivorship
-- chooses from. E-mails, phones and customer numbers are attributes too. An address that bounced
-- is a candidate, but comes last.
with

traits as (

    select * from {{ ref('traits') }}

),

identifiers as (

    select * from {{ ref('identifiers') }}

),

identity_map as (

    select * from {{ ref('identity_map') }}

),

suppressions as (

    select * from {{ ref('suppressions') }}

),

statements as (

    select
        source,
        identifier_type,
        identifier_value,
        trait as attribute,
        value,
        observed_at
    from traits
    where value is not null

    union all

    select
        source,
        identifier_type,
        identifier_value,
        identifier_type as attribute,
        identifier_value as value,
        observed_at
    from identifiers
    where identifier_type in ('email', 'phone', 'user_id', 'loyalty_id')

),

attributed as (

    select
        identity_map.profile_id,
        statements.attribute,
        statements.value,
        statements.source,
        max(statements.observed_at) as observed_at,
        count(*) as count_statements
    from statements
    inner join identity_map
        on
            statements.identifier_type = identity_map.identifier_type
            and statements.identifier_value = identity_map.identifier_value
    where statements.observed_at is null or statements.observed_at <= {{ as_of() }}
    group by 1, 2, 3, 4

),

final as (

    select
        attributed.*,
        suppressions.identifier_value is not null as is_suppressed
    from attributed
    left join suppressions
        on
            attributed.attribute = suppressions.identifier_type
            and attributed.value = suppressions.identifier_value

)

select * from final
