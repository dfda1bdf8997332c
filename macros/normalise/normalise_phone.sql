{# A phone number in E.164 (+491701234567), read with the country of its record; null where it cannot be one.

   Understands +49 170…, 0049 170…, +49 (0)170…, the national 0170…, a number whose plus is missing, and spaces, dashes, dots,
   slashes and parentheses anywhere. Anything else in it, such as a letter, makes it no number: an extension must not be glued
   to the digits. reverse_etl/normalise.py is the same in Python; both have to pass tests/data/phones.csv.

   phone, country: SQL expressions; the country is an ISO 3166 code of two letters, upper case, or null. #}
{% macro normalise_phone(phone, country) -%}
    {%- set rules = phone_rules() -%}
    {%- set trunks, numbers = {}, {} -%}
    {%- for code, trunk, digits in rules.values() -%}
        {%- do numbers.update({code: digits}) -%}
        {%- if trunk and code not in trunks.get(trunk, []) -%}
            {%- do trunks.update({trunk: trunks.get(trunk, []) + [code]}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set valid = [] -%}
    {%- for code, digits in numbers.items() -%} {%- do valid.append(code ~ '(' ~ digits ~ ')') -%} {%- endfor -%}

    {%- set text = "replace(" ~ phone ~ ", chr(160), ' ')" -%}
    {%- set dialled = regexp_replace_all(text, '[^0-9+]') -%}
    {%- set calling_code -%}
        case {{ country }} {%- for name, rule in rules.items() %} when '{{ name }}' then '{{ rule[0] }}' {%- endfor %} end
    {%- endset -%}
    {%- set full -%}
        case
            when {{ dialled }} like '+%' then substr({{ dialled }}, 2)
            when {{ dialled }} like '00%' then substr({{ dialled }}, 3)
            when length({{ dialled }}) >= 11 and starts_with({{ dialled }}, {{ calling_code }}) then {{ dialled }}
            else {{ calling_code }} || {{ dialled }}
        end
    {%- endset -%}
    {%- set ns = namespace(bare=full) -%}
    {%- for trunk, codes in trunks.items() -%}
        {%- set ns.bare = regexp_replace_all(ns.bare, '^(' ~ codes | join('|') ~ ')' ~ trunk, '[1]') -%}
    {%- endfor -%}
    case
        when not {{ regexp_like_all(text, '[[:space:]]*[+]?[-0-9 ()./]+[[:space:]]*') }} then null
        when {{ regexp_like_all(ns.bare, valid | join('|')) }} then '+' || {{ ns.bare }}
        when {{ regexp_like_all(ns.bare, '(' ~ numbers.keys() | join('|') ~ ').*') }} then null
        when {{ regexp_like_all(ns.bare, '[1-9][0-9]{7,14}') }} then '+' || {{ ns.bare }}
    end
{%- endmacro %}
