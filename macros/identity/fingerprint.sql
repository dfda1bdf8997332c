{# A fast hash of some values, as a whole number: the warehouse's own, so that one engine's numbers mean nothing to
   another. It only ever tells whether something *may* have changed; nothing is identified by it.

   A new version of the engine may hash differently. Every fingerprint then differs, and all is read again, once. #}
{% macro fast_hash(expressions) -%}
    {{ adapter.dispatch('fast_hash', 'weft')(expressions) }}
{%- endmacro %}

{# DuckDB's hash has 64 bits and no sign, so one bit too many for a whole number. #}
{% macro default__fast_hash(expressions) -%}
    cast(hash({{ expressions | join(', ') }}) >> 1 as bigint)
{%- endmacro %}

{# Snowflake's has a sign, which this takes off. #}
{% macro snowflake__fast_hash(expressions) -%}
    cast(bitand(hash({{ expressions | join(', ') }}), 9223372036854775807) as bigint)
{%- endmacro %}

{# In which part of staging a row belongs: so many of the low bits of its hash as tell the parts apart. #}
{% macro bucket_of(expressions) -%}
    {{ adapter.dispatch('bucket_of', 'weft')(expressions) }}
{%- endmacro %}

{% macro default__bucket_of(expressions) -%}
    cast(hash({{ expressions | join(', ') }}) & {{ identity_parts() - 1 }} as integer)
{%- endmacro %}

{# Snowflake has a function where DuckDB has an operator, and its hash may be negative, of which this takes the low bits. #}
{% macro snowflake__bucket_of(expressions) -%}
    cast(bitand(hash({{ expressions | join(', ') }}), {{ identity_parts() - 1 }}) as integer)
{%- endmacro %}

{# How many parts staging has. With more of them, fewer rows that did not change are read again, and more fingerprints are
   kept and compared. #}
{% macro identity_parts() %}
    {% set parts = var('identity_parts') %}
    {% set powers = [] %}
    {% for exponent in range(31) %}
        {% do powers.append(2 ** exponent) %}
    {% endfor %}
    {% if parts not in powers %}
        {{ exceptions.raise_compiler_error(
            'dbt_project.yml: the var identity_parts is ' ~ parts ~ '. It is a power of two, up to ' ~ powers | last ~ '.'
        ) }}
    {% endif %}
    {{ return(parts) }}
{% endmacro %}

{# What the pairs and the sightings depend on besides staging: a change of it makes everything news. #}
{% macro reading_salt() -%}
    {%- set priorities = {} -%}
    {%- for row in identity_rules() -%}
        {%- do priorities.update({row.identifier_type: row.priority}) -%}
    {%- endfor -%}
    {{- local_md5(tojson({
        'version': 1,
        'priorities': priorities,
        'record_limit': var('identity_record_limit'),
        'parts': identity_parts(),
        'missing': is_missing_identifier('value'),
        'malformed': malformed_identifier('value'),
    }, sort_keys=true)) -}}
{%- endmacro %}

{# What decides about edges and people that are read already: when it changes, all of them are looked at again. #}
{% macro rules_hash() -%}
    {{- local_md5(tojson({'rules': var('identity_rules'), 'probable': var('identity_probable', none)}, sort_keys=true)) -}}
{%- endmacro %}
