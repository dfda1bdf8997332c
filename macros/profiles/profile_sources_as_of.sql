{# What profile_sources would have shown at other moments, as a query: profile_id, moment and the columns of that model.

   spine: the name of a CTE or table with profile_id and moment, one row or many for a person. A statement counts from the
   time that its source gave it until a run found it withdrawn. Who is who is as known today: a former profile id stands
   for the profile that it is part of, and whoever has asked to be erased since has no rows. #}
{% macro profile_sources_as_of(spine) -%}
    with asked as (
        {{ people_of_spine(spine) }}
    ),
    reported as (
        select
            'email' as identifier_type,
            email as identifier_value,
            suppressed_at
        from {{ ref('email_complaints') }}
        union all
        select
            identifier_type,
            identifier_value,
            requested_at as suppressed_at
        from {{ ref('erased_identifiers') }}
    ),
    suppressed as (
        select
            identifier_type,
            identifier_value,
            min(suppressed_at) as suppressed_at
        from reported
        group by identifier_type, identifier_value
    ),
    known as (
        select
            asked.profile_id,
            asked.moment,
            {%- for column in ['attribute', 'value', 'source', 'observed_at'] %}
            statements.{{ column }},
            {%- endfor %}
            row_number() over (
                partition by
                    asked.profile_id, asked.moment, statements.source, statements.record_id,
                    statements.identifier_type, statements.identifier_value, statements.attribute
                order by
                    statements.observed_at desc nulls last, statements.withdrawn_at desc nulls first,
                    statements.recorded_at desc, statements.value
            ) as recency
        from asked
        inner join {{ ref('identity_map') }} as identity_map
            on asked.living_profile_id = identity_map.profile_id
        inner join {{ ref('profile_statement_history') }} as statements
            on
                identity_map.identifier_type = statements.identifier_type
                and identity_map.identifier_value = statements.identifier_value
        where
            (statements.observed_at is null or statements.observed_at <= asked.moment)
            and (statements.withdrawn_at is null or statements.withdrawn_at > asked.moment)
    ),
    attributed as (
        select
            profile_id,
            moment,
            attribute,
            value,
            source,
            max(observed_at) as observed_at,
            count(*) as count_statements
        from known
        where recency = 1
        group by profile_id, moment, attribute, value, source
    ),
    candidates as (
        select
            attributed.*,
            coalesce(suppressed.suppressed_at <= attributed.moment, false) as is_suppressed
        from attributed
        left join suppressed
            on
                attributed.attribute = suppressed.identifier_type
                and attributed.value = suppressed.identifier_value
    ),
    ranked as (
        {{ ranked_candidates('candidates', ['profile_id', 'moment']) }}
    )
    select
        profile_id, moment, attribute, value, source, observed_at, rule, count_candidates, is_suppressed
    from ranked
    where rank_of_value = 1 and rule is not null
{%- endmacro %}

{# The rows of a spine once each, with the profile that lives today; without people who have asked to be erased. #}
{% macro people_of_spine(spine) -%}
    select distinct
        spine.profile_id,
        spine.moment,
        coalesce(aliases.profile_id, spine.profile_id) as living_profile_id
    from {{ spine }} as spine
    left join {{ ref('identity_aliases') }} as aliases
        on spine.profile_id = aliases.former_profile_id
    left join {{ ref('suppressions') }} as erased
        on
            erased.identifier_type = 'profile_id'
            and coalesce(aliases.profile_id, spine.profile_id) = erased.identifier_value
    where erased.identifier_value is null
{%- endmacro %}
