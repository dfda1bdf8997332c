{# The country in a locale such as de-AT or en_GB, upper case; null where the locale has only a
   language. #}
{% macro country_of_locale(locale) -%}
    case
        when {{ regexp_like_all(locale, '[A-Za-z]{2,3}[-_][A-Za-z]{2}') }} then upper(right({{ locale }}, 2))
    end
{%- endmacro %}
