-- Grain: one row per active edge (a, b, rule, source) that does not link, because a limit or an
-- exclude keeps its two people apart; or exclude that a later include overruled ('included').
-- Only the components that this run looked at are written: identity_moves leaves what it found.
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['a', 'b', 'rule', 'source'],
    on_schema_change='append_new_columns',
    full_refresh=false,
    post_hook=[
        "{{ forget_former_refusals(ref('identity_moves')) }}",
        "{{ drop_handover('refused', from=ref('identity_moves')) }}",
    ],
) }}

with refused as (
    select * from {{ handed_over('refused', ref('identity_moves'), no_refusals()) }}
),

{% if is_incremental() %}
stored as (
    select * from {{ this }}
),

final as (
    select
        refused.a,
        refused.b,
        refused.rule,
        refused.source,
        refused.limit_type,
        cast(refused.limit_max as {{ dbt.type_bigint() }}) as limit_max,
        refused.component_seq,
        coalesce(stored.refused_at, {{ as_of() }}) as refused_at,
        {{ next_batch() }} as batch
    from refused
    left join stored
        on
            refused.a = stored.a
            and refused.b = stored.b
            and refused.rule = stored.rule
            and refused.source = stored.source
    where
        refused.is_refused
        and (
            stored.a is null
            or refused.limit_type is distinct from stored.limit_type
            or refused.limit_max is distinct from stored.limit_max
            or refused.component_seq is distinct from stored.component_seq
        )
)
{% else %}
    final as (
        select
            a,
            b,
            rule,
            source,
            limit_type,
            cast(limit_max as {{ dbt.type_bigint() }}) as limit_max,
            component_seq,
            {{ as_of() }} as refused_at,
            {{ next_batch() }} as batch
        from refused
        where is_refused
    )
{% endif %}

select * from final
