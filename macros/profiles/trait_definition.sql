{# The traits of profile_trait_values: those that people declare, and the fingerprint of the events that they are computed
   from, which is added up in the same pass. That of profile_timelines may be of other events if a model was built alone. #}
{% macro stamped_traits() %}
    {% set counted, added = '{trait}__count', '{trait}__total' %}
    {% set fingerprint = trait_spec(
        'fingerprint', 'any',
        parts={'count': 'count(event_id)', 'total': 'sum(event_hash)'},
        result='case when ' ~ counted ~ ' > 0 then ' ~ events_fingerprint(counted, added) ~ ' end',
    ) %}
    {{ return(dict(profile_trait_set(), fingerprint=fingerprint)) }}
{% endmacro %}

{# What else than events the traits depend on, as SQL: how they are computed, and the exchange rates. It is stored with each
   row, so that an edited trait or a new rate has everybody's computed again, also after a run that was killed.

   It is made of the SQL and not of files: a macro that writes other SQL makes another definition, a comment does not. #}
{% macro trait_definition() -%}
    {%- set sql = compute_traits(stamped_traits(), people='people', events='events') ~ event_values('profile_events') -%}
    {#- neither the moment nor the name of the database makes another trait -#}
    {%- set sql = sql | replace(as_of(), 'as_of') | replace(ref('exchange_rates') | string, 'exchange_rates') -%}
    md5('{{ local_md5(sql) }}' || cast(
        (select coalesce(sum({{ fast_hash(['rates.currency', 'rates.rate']) }}), 0) from {{ ref('exchange_rates') }} as rates)
        as {{ dbt.type_string() }}
    ))
{%- endmacro %}

{# What profile_trait_values holds before this run writes it, as SQL, but for the traits themselves. #}
{% macro stored_traits() -%}
    {%- set columns = {
        'profile_id': dbt.type_string(),
        'fingerprint': dbt.type_bigint(),
        'definition': dbt.type_string(),
        'computed_at': dbt.type_timestamp(),
        'expires_at': dbt.type_timestamp(),
    } -%}
    {%- set stored = stored_relation('profile_trait_values') -%}
    {%- set lacking = lacking_columns(stored, columns) or [] -%}
    select
        {%- for column, type in columns.items() %}
        {{ column if stored and column not in lacking else 'cast(null as ' ~ type ~ ') as ' ~ column }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    {{ 'from ' ~ stored if stored else 'where false' }}
{%- endmacro %}
