-- Grain: one row per name or domain of a company ever seen, known by its hash alone.
-- key_seq is given once and never changed or given again, not even by a full refresh: every account
-- id is made of one. An erased person's own domain leaves no more than a hash here.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false,
) }}

with

account_claims as (

    select
        key_hash,
        min(first_seen_at) as first_seen_at
    from {{ ref('account_claims') }}
    group by key_hash

),

registered as (

    {% if is_incremental() %}
        select
            key_hash,
            key_seq
        from {{ this }}
    {% else %}
        select
            cast(null as varchar) as key_hash,
            cast(0 as {{ dbt.type_bigint() }}) as key_seq
        where false
    {% endif %}

),

highest as (

    select coalesce(max(key_seq), 0) as key_seq from registered

),

final as (

    select
        cast(
            highest.key_seq + row_number() over (
                order by
                    account_claims.first_seen_at asc nulls last,
                    account_claims.key_hash asc
            ) as {{ dbt.type_bigint() }}
        ) as key_seq,
        account_claims.key_hash
    from account_claims
    cross join highest
    left join registered on account_claims.key_hash = registered.key_hash
    where registered.key_hash is null

)

select * from final
