{# The md5, as 32 hex digits, of one expression or of several as one key.

   Nulls count as empty text and the parts are kept apart, so that ('a', null) and (null, 'a')
   differ. #}
{% macro hash_text(expressions) -%}
    {%- set parts = [expressions] if expressions is string else expressions -%}
    md5(
        {%- for part in parts -%}
            coalesce(cast({{ part }} as varchar), ''){{ " || '|' || " if not loop.last }}
        {%- endfor -%}
    )
{%- endmacro %}
