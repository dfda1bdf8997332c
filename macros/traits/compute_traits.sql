{# A query that computes traits for everybody in `people`, from one pass over their `events`.

   `traits` maps names to what the trait macros return; `people` and `events` are CTEs, `entity` the column that they are
   matched by. `as_of` is a column of people with a moment of each row's own, the run's moment without it: then only what
   had happened, and had been received, by that moment counts, and there is one row for each entity and moment. Needs of
   events: the entity, event_id, event_name, occurred_at, with as_of received_at, and what the traits name.

   Besides the traits it gives expires_at: from when on one of them may be wrong even if nothing happens. #}
{% macro compute_traits(traits, people, events, entity='profile_id', as_of=none) %}
    {%- do check_traits(traits, taken=[entity, as_of, 'expires_at']) -%}
    {%- set moment = trait_moment(as_of) -%}
    {%- set per = entity if as_of is none else entity ~ ', ' ~ as_of -%}
    {%- set steps = trait_marks(traits, per, moment) -%}
    {%- set aggregates = trait_aggregates(traits, moment) -%}
    {%- do aggregates.update(trait_expiries(traits, moment)) -%}
    {%- set source = 'marked_' ~ steps | length if steps else (events if as_of is none else 'known_events') -%}
    with
    {%- if as_of is not none %}

    known_events as (

        {{ known_events(people, events, entity, as_of) }}

    ),
    {%- endif %}
    {{- marked_events(steps, events if as_of is none else 'known_events') }}

    aggregated as (

        select
            {{ per }}
            {%- for column, aggregate in aggregates.items() %},
            {{ aggregate }} as {{ column }}
            {%- endfor %}
        from {{ source }}
        group by {{ per }}

    )

    select
        {{ people }}.{{ entity }},
        {%- if as_of is not none %}
        {{ people }}.{{ as_of }},
        {%- endif %}
        {%- for name, trait in traits.items() %}
        {{ fill(trait.result, {'trait': 'aggregated.' ~ name, 'moment': trait_moment(as_of, people)}) }} as {{ name }},
        {%- endfor %}
        {{ trait_expires_at(traits, trait_moment(as_of, people)) }} as expires_at
    from {{ people }}
    left join aggregated
        on
            {{ people }}.{{ entity }} = aggregated.{{ entity }}
            {%- if as_of is not none %}
            and {{ people }}.{{ as_of }} = aggregated.{{ as_of }}
            {%- endif %}
{%- endmacro %}
