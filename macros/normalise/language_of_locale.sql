{# The language in a locale such as de-AT or en, lower case. #}
{% macro language_of_locale(locale) -%}
    nullif(lower(split_part(replace({{ locale }}, '_', '-'), '-', 1)), '')
{%- endmacro %}
