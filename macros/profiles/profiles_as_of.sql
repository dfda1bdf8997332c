{# What profiles would have shown at other moments, as a query: profile_id, moment, a column for each attribute and
   is_email_reachable, for each row of the spine (profile_sources_as_of says what it is and what counts). #}
{% macro profiles_as_of(spine) -%}
    with people as (
        {{ people_of_spine(spine) }}
    ),
    sources as (
        {{ profile_sources_as_of(spine) }}
    )
    select
        people.profile_id,
        people.moment,
        {{ attribute_columns() }}
        coalesce(max(case when attribute = 'email' and not is_suppressed then 1 else 0 end), 0) = 1
            as is_email_reachable
    from people
    left join sources
        on
            people.profile_id = sources.profile_id
            and people.moment = sources.moment
    group by people.profile_id, people.moment
{%- endmacro %}
