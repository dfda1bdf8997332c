{# True for a text that stands for "no value": null, empty, or a word that systems write in its place.

   These few are here and not in seeds/blocked_identifiers.csv because a loader of CSV files takes 'null' for a null. #}
{% macro is_missing_identifier(value) -%}
    lower(trim(coalesce({{ value }}, ''))) in (
        '', 'null', '(null)', '[null]', '<null>', 'none', 'nil', 'nan', 'na', 'n/a', 'undefined', 'nullundefined'
    )
{%- endmacro %}
