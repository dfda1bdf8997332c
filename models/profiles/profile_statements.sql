-- Grain: one statement of a source about one attribute of one identifier: what it says today.
-- E-mails, phones and customer numbers are attributes too, and each record states its own.
with

traits as (

    select * from {{ ref('traits') }}

),

identifiers as (

    select * from {{ ref('identifiers') }}

),

final as (

    select
        source,
        cast(null as {{ dbt.type_string() }}) as record_id,
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
        record_id,
        identifier_type,
        identifier_value,
        identifier_type as attribute,
        identifier_value as value,
        observed_at
    from identifiers
    where identifier_type in ('email', 'phone', 'user_id', 'loyalty_id')

)

select * from final
