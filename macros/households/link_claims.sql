{# One rule's claims, as (rule, person_seq, link_key): which person has which key. The CTEs that it reads are the calling
   model's, one for each kind of rule:

   - same: people (person_seq and the columns of profiles, see link_column)
   - shared: household_shared (identifier_type, shared_seq, person_seq)
   - kept_apart: people (person_seq, component_seq)
   - domain_of: addresses (identifier_type, identifier_value, person_seq) #}
{% macro link_claims(rule) -%}
    {% if rule.kind == 'same' -%}
    select
        '{{ rule.rule }}' as rule,
        person_seq,
        {{ link_key(rule.of) }} as link_key
    from people
    where {{ link_key(rule.of) }} is not null
    {%- elif rule.kind == 'shared' -%}
    select
        '{{ rule.rule }}' as rule,
        person_seq,
        cast(shared_seq as varchar) as link_key
    from household_shared
    where identifier_type = '{{ rule.of }}'
    {%- elif rule.kind == 'kept_apart' -%}
    select
        '{{ rule.rule }}' as rule,
        person_seq,
        cast(component_seq as varchar) as link_key
    from people
    {%- else -%}
    select distinct
        '{{ rule.rule }}' as rule,
        addresses.person_seq,
        {{ regexp_part('addresses.identifier_value', '[^@]+$') }} as link_key
    from addresses
    where
        addresses.identifier_type = '{{ rule.of }}'
        and addresses.identifier_value like '%_@_%'
    {%- endif %}
{%- endmacro %}
