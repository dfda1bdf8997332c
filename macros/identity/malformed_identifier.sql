{# Why a text cannot be an identifier, as a text; null where it may be one. Such a value links nobody: two people whose
   identifiers were damaged in the same way would become one.

   It is counted and kept as blocked_because in identity_blocked. Values for "no value" are is_missing_identifier's. #}
{% macro malformed_identifier(value) -%}
    case
        when length({{ value }}) > 512 then 'malformed: more than 512 characters'
        when {{ value }} like '%{{ '%c' % 65533 }}%' then 'malformed: characters lost in decoding'
        when {{ regexp_part(value, '[[:cntrl:]' ~ '%c' % 128 ~ '-' ~ '%c' % 159 ~ ']') }} is not null
            then 'malformed: control characters'
        when {{ regexp_part(value, '^([0-9]{16,}[.]0+|[0-9][.][0-9]+[eE][+][0-9]+)$') }} is not null
            then 'malformed: a number that lost digits'
    end
{%- endmacro %}
