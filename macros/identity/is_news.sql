{# Whether a bucket's part of staging is news, as a condition. kind: 'identifier' or 'record'; bucket: its SQL. #}
{% macro is_news(kind, bucket) -%}
    {%- set news = ref('identity_news') -%}
    {%- if reads_everything() -%} true
    {%- else -%} {{ bucket }} in (select news.bucket from {{ news }} as news where news.kind = '{{ kind }}')
    {%- endif -%}
{%- endmacro %}
