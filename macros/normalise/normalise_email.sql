{# An e-mail address in the form that it is compared in: trimmed, lower case; null where it cannot
   be one.

   Nothing else is folded, for two addresses that differ may belong to two people. With the var
   `fold_gmail` the dots and the +tag of Gmail addresses go too, which Google ignores.
   Not-breaking and zero-width spaces, left over from copying, count as spaces.
   reverse_etl/normalise.py is the same in Python; both have to pass tests/data/emails.csv. #}
{% macro normalise_email(email) -%}
    {%- set spaced -%}
        replace(replace(replace({{ email }}, chr(160), ' '), chr(8203), ' '), chr(65279), ' ')
    {%- endset -%}
    {%- set address = "lower(" ~ regexp_replace_all(spaced, '^[[:space:]]+|[[:space:]]+$') ~ ")" -%}
    {%- set not_in_a_name = '@[:space:],;:<>()"' -%}
    {%- set valid = regexp_part(
        address, '^[^' ~ not_in_a_name ~ ']+@([^' ~ not_in_a_name ~ '.]+[.])+[^' ~ not_in_a_name ~ '.]{2,}$'
    ) -%}
    {%- set folded = valid -%}
    {%- if var('fold_gmail', false) -%}
        {%- set folded -%}
            case
                when {{ address }} like '%@gmail.com' or {{ address }} like '%@googlemail.com'
                    then replace(split_part(split_part({{ valid }}, '@', 1), '+', 1), '.', '') || '@gmail.com'
                else {{ valid }}
            end
        {%- endset -%}
    {%- endif -%}
    case when length({{ address }}) <= 254 then {{ folded }} end
{%- endmacro %}
