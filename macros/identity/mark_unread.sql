{# Notes in identity_scanned that the parts which are news are not read to the end, before anything of them is used. If this
   run is killed, the next one reads them again, even where staging says by then what it said before.

   No fingerprint is below zero, so that -1 differs from whatever is there. #}
{% macro mark_unread() %}
    {{ return(unread_statement(
        "update {scanned} set fingerprint = -1 where exists (select 1 from {news} as news "
        ~ "where news.kind = {scanned}.kind and news.bucket = {scanned}.bucket)"
    )) }}
{% endmacro %}

{% macro note_unread() %}
    {{ return(unread_statement(
        "insert into {scanned} (kind, bucket, fingerprint) select news.kind, news.bucket, -1 from {news} as news "
        ~ "left join {scanned} as scanned on news.kind = scanned.kind and news.bucket = scanned.bucket "
        ~ "where scanned.bucket is null and news.kind <> 'everything'"
    )) }}
{% endmacro %}

{# Nothing while there is no such table: all is read then. #}
{% macro unread_statement(statement) %}
    {% if stored_relation('identity_scanned') is none %}
        {{ return('') }}
    {% endif %}
    {% set scanned = stored_relation('identity_scanned') %}
    {{ return(statement | replace('{scanned}', scanned | string) | replace('{news}', this | string)) }}
{% endmacro %}
