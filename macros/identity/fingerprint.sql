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

{# In which part of staging a row belongs. #}
{% macro bucket_of(expressions) -%}
    cast({{ fast_hash(expressions) }} % {{ identity_parts() }} as integer)
{%- endmacro %}

{# How many parts staging has. With more of them, fewer rows that did not change are read again, and more fingerprints are
   kept and compared. #}
{% macro identity_parts() %}
    {% set parts = var('identity_parts') %}
    {% if parts is not integer or not 1 <= parts < 2 ** 31 %}
        {{ exceptions.raise_compiler_error(
            'dbt_project.yml: the var identity_parts is ' ~ parts ~ '. It is a whole number from 1 to ' ~ (2 ** 31 - 1) ~ '.'
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
