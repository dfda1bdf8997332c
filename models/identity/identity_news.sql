-- Grain: one row per part of staging (kind and bucket) that is not what identity has read last. A
-- part that is empty now has no fingerprint. Where all of it is here, a row of kind 'everything'
-- says so.
-- A changed list of blocked values and whatever else changes how staging is read make all of it
-- news, as a full refresh does. identity_scanned, written last, remembers what was read: a run that
-- died leaves its news to the next.
{{ config(
    materialized='table',
    post_hook=["{{ mark_unread() }}", "{{ note_unread() }}"],
) }}

{% set is_everything = prepare_stored_state() %}

with mentions as (
    {{ identifier_mentions() }}
),

identifiers as (
    select
        source,
        record_id,
        identifier_type,
        identifier_value,
        observed_at
    from {{ ref('identifiers') }}
),

blocked as (
    select sum({{ fast_hash(['identifier_type', 'value_pattern', 'because']) }}) as fingerprint
    from {{ ref('blocked_identifiers') }}
),

scanned as (
    select
        kind,
        bucket,
        fingerprint
    from {{ stored_state('identity_scanned') }} as scanned
),

counted as (
    select
        'identifier' as kind,
        {{ bucket_of(['identifier_type', 'identifier_value']) }} as bucket,
        count(*) as count_rows,
        sum({{ fast_hash(['identifier_type', 'identifier_value', 'seen_at']) }}) as sum_rows
    from mentions
    group by {{ bucket_of(['identifier_type', 'identifier_value']) }}
    union all
    select
        'record' as kind,
        {{ bucket_of(['source', 'record_id']) }} as bucket,
        count(*) as count_rows,
        sum({{ fast_hash([
            'source', 'record_id', 'identifier_type', 'identifier_value', 'observed_at'
        ]) }}) as sum_rows
    from identifiers
    group by {{ bucket_of(['source', 'record_id']) }}
),

present as (
    select
        counted.kind,
        counted.bucket,
        {{ fast_hash([
            'counted.count_rows', 'counted.sum_rows', 'blocked.fingerprint', "'" ~ reading_salt() ~ "'"
        ]) }} as fingerprint
    from counted
    cross join blocked
),

compared as (
    select
        coalesce(present.kind, scanned.kind) as kind,
        coalesce(present.bucket, scanned.bucket) as bucket,
        present.fingerprint,
        scanned.fingerprint as scanned_fingerprint
    from present
    full outer join scanned
        on
            present.kind = scanned.kind
            and present.bucket = scanned.bucket
),

final as (
    select
        kind,
        bucket,
        fingerprint
    from compared
    where {{ 'true' if is_everything else 'fingerprint is distinct from scanned_fingerprint' }}
    union all
    -- What tells the models after this one that they read everything.
    select
        'everything' as kind,
        -1 as bucket,
        null as fingerprint
    where {{ 'true' if is_everything else 'false' }}
)

select * from final
