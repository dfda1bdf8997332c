{# A phone number in E.164 (+491701234567), read with the country of its record; null where it
   cannot be one.

   Understands +49 170…, 0049 170…, +49 (0)170…, the national 0170…, a number whose plus is
   missing, and spaces, dashes, dots, slashes and parentheses anywhere. Anything else in it, such
   as a letter, makes it no number: an extension must not be glued to the digits. Dashes of every
   kind and the digits of Arabic and Persian keyboards count as plain ones.
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

    {%- set signs = {'−': '-'} -%}
    {%- for number in range(8208, 8214) -%} {%- do signs.update({'%c' % number: '-'}) -%} {%- endfor -%}
    {%- for number in range(10) -%}
        {%- do signs.update({'%c' % (1632 + number): number | string, '%c' % (1776 + number): number | string}) -%}
    {%- endfor -%}
    {#- A whole number that went through a floating-point column: its zero is no digit of it. -#}
    {%- set whole = regexp_replace_all(plain_text(phone, signs), '^([+]?[0-9]+)[.]0$', '[1]') -%}
    {%- set written = regexp_part(whole, '^[+]?[-0-9 ()./]+$') -%}
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
