{# An e-mail address in the form that it is compared in: without spaces around it, lower case, full-width letters as plain
   ones, letter and accent as one character, nothing that one cannot see; null where it cannot be one.

   Nothing else is folded, for two addresses that differ may belong to two people. A rule may ask for more: `email_gmail`
   (fold_gmail) ignores the dots and the +tag of Gmail addresses, as Google does; `email_untagged` (also fold_tags) ignores
   the +tag of every address, as most providers do, but not all.
   A domain in punycode (xn--…) stays what it is: no warehouse can decode it, so it does not meet its other spelling.
   reverse_etl/normalise.py is the same in Python; both have to pass tests/data/emails.csv. #}
{% macro normalise_email(email, fold_gmail=false, fold_tags=false) -%}
    {#- Two letters whose lower case depends on the language or on their place in the word. -#}
    {%- set address = compose_letters('lower(' ~ plain_text(email, {'İ': 'i', 'Σ': 'σ'}) ~ ')') -%}
    {%- set not_in_a_name = '@[:space:][:cntrl:],;:<>()"' -%}
    {%- set valid = regexp_part(
        address, '^[^' ~ not_in_a_name ~ ']+@([^' ~ not_in_a_name ~ '.]+[.])+[^' ~ not_in_a_name ~ '.]{2,}$'
    ) -%}
    {%- set untagged = regexp_replace_all(valid, '^([^+]+)[+].*@', '[1]@') -%}
    {%- set kept = untagged if fold_tags else valid -%}
    {%- set folded -%}
        {%- if fold_gmail or fold_tags -%}
            case
                when {{ address }} like '%@gmail.com' or {{ address }} like '%@googlemail.com'
                    then coalesce(
                        nullif(replace(split_part({{ untagged }}, '@', 1), '.', ''), '') || '@gmail.com', {{ kept }}
                    )
                else {{ kept }}
            end
        {%- else -%}
            {{ valid }}
        {%- endif -%}
    {%- endset -%}
    case when length({{ address }}) <= 254 then {{ folded }} end
{%- endmacro %}
