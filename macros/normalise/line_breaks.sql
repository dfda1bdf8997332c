{# Tab, line feed, vertical tab, form feed and carriage return as an SQL expression. By number, for a file that is copied
   may get other line ends, in a literal too. #}
{% macro line_breaks() -%}
    chr(9) || chr(10) || chr(11) || chr(12) || chr(13)
{%- endmacro %}
