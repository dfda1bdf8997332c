{# An account's id: as normalise_text, and without the .0 that a whole number gets on its way through a floating-point
   column (a CSV read by a data frame with a gap in the column).

   Up to 15 digits a floating-point number is exact. A longer one has lost digits, so that two accounts may have become the
   same: it is left as it is, and malformed_identifier refuses it. #}
{% macro normalise_user_id(value) -%}
    {{ regexp_replace_all(normalise_text(value), '^([0-9]{1,15})[.]0+$', '[1]') }}
{%- endmacro %}
