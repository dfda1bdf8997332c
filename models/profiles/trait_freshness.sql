-- Grain: one row per trait that the macro profile_trait_set declares. The last event is that of
-- anybody, of the names that the trait is about, whatever further condition it has.
{% set traits = profile_trait_set() %}

with

profile_trait_values as (

    select * from {{ ref('profile_trait_values') }}

),

profile_events as (

    select * from {{ ref('profile_events') }}

),

catalogue as (

    {{ trait_catalogue(traits) }}

),

latest_events as (

    select
        event_name,
        max(occurred_at) as last_event_at,
        max(received_at) as last_received_at
    from profile_events
    group by event_name

),

people as (

    select
        {% for name, trait in traits.items() %}
            count(
                {{ name if trait.absent is none else 'nullif(' ~ name ~ ', ' ~ trait.absent ~ ')' }}
            ) as {{ name }},
        {% endfor %}
        min(computed_at) as oldest_computed_at,
        max(computed_at) as computed_at,
        min(expires_at) as next_expires_at
    from profile_trait_values

),

final as (

    select
        catalogue.trait,
        catalogue.kind,
        catalogue.events,
        catalogue.time_window,
        case catalogue.trait
            {% for name in traits %}
                when '{{ name }}' then max(people.{{ name }})
            {% endfor %}
        end as count_profiles,
        max(people.computed_at) as computed_at,
        max(people.oldest_computed_at) as oldest_computed_at,
        max(latest_events.last_event_at) as last_event_at,
        max(latest_events.last_received_at) as last_received_at,
        case when catalogue.is_expiring then max(people.next_expires_at) end as next_expires_at
    from catalogue
    cross join people
    left join latest_events
        on {{ dbt.position(
            "', ' || latest_events.event_name || ', '", "', ' || catalogue.events || ', '"
        ) }} > 0
    group by
        catalogue.trait,
        catalogue.kind,
        catalogue.events,
        catalogue.time_window,
        catalogue.is_expiring

)

select * from final
