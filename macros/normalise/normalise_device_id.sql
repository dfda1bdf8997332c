{# The id of a device, an installation or a cookie: as normalise_text; a UUID (IDFA, GAID, most anonymous ids) in lower case
   with dashes and without braces, an Android id (16 hex digits) in lower case; null for the id of zeros that a phone gives
   to whom it may not name. #}
{% macro normalise_device_id(value) -%}
    {%- set given = normalise_text(value) -%}
    {%- set hex = '([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})' -%}
    {%- set uuid = '^(urn:uuid:)?[{]?' ~ hex ~ '[}]?$' -%}
    nullif(
        nullif(
            case
                when {{ regexp_like_all('lower(' ~ given ~ ')', uuid) }}
                    then {{ regexp_replace_all('lower(' ~ given ~ ')', uuid, '[2]-[3]-[4]-[5]-[6]') }}
                when {{ regexp_like_all('lower(' ~ given ~ ')', '[0-9a-f]{16}') }} then lower({{ given }})
                else {{ given }}
            end,
            '00000000-0000-0000-0000-000000000000'
        ),
        '0000000000000000'
    )
{%- endmacro %}
