{# A phone number in E.164 (+491701234567), read with the country of its record; null where it
   cannot be one.

   Understands +49 170…, 0049 170…, +49 (0)170…, the national 0170…, a number whose plus is
   missing, and spaces, dashes, dots, slashes and parentheses anywhere. Anything else in it, such
   as a letter, makes it no number: an extension must not be glued to the digits.
   reverse_etl/normalise.py is the same in Python; both have to pass tests/data/phones.csv.

   phone, country: SQL expressions, best plain columns, for each is repeated; the country is an
   ISO 3166 code of two letters, upper case, or null. #}
{% macro normalise_phone(phone, country) -%}
    {%- set trunks, numbers = {}, {} -%}
    {%- for code, trunk, digits in phone_rules().values() -%}
        {%- do numbers.update({code: code ~ '(' ~ digits ~ ')'}) -%}
        {%- if trunk and code not in trunks.get(trunk, []) -%}
            {%- do trunks.update({trunk: trunks.get(trunk, []) + [code]}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set others = '(' ~ other_calling_codes() | join('|') ~ ')[0-9]{4,12}' -%}

    {%- set text = "replace(" ~ phone ~ ", chr(160), ' ')" -%}
    {%- set written = regexp_part(text, '^[[:space:]]*[+]?[-0-9 ()./]+[[:space:]]*$') -%}
    {%- set dialled = regexp_replace_all(regexp_replace_all(written, '[^0-9+]'), '^00', '+') -%}
    {%- set calling_code -%}
        case {{ country }}
            {%- for name, rule in phone_rules().items() %} when '{{ name }}' then '{{ rule[0] }}' {%- endfor %}
        end
    {%- endset -%}
    {%- set full -%}
        case
            when {{ dialled }} like '+%' then substr({{ dialled }}, 2)
            when length({{ dialled }}) >= 11 and {{ dialled }} like {{ calling_code }} || '%' then {{ dialled }}
            else {{ calling_code }} || {{ dialled }}
        end
    {%- endset -%}
    {%- set ns = namespace(full=full) -%}
    {%- for trunk, codes in trunks.items() -%}
        {%- set ns.full = regexp_replace_all(ns.full, '^(' ~ codes | join('|') ~ ')' ~ trunk, '[1]') -%}
    {%- endfor -%}
    '+' || {{ regexp_part(ns.full, '^(' ~ (numbers.values() | list + [others]) | join('|') ~ ')$') }}
{%- endmacro %}
