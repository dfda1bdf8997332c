{# A country as its ISO 3166 code, from the code or from the name in English or in the country's
   own language; null where it is neither. People type it into CRMs. #}
{% macro country_code(country) -%}
    {%- set names = {
        'AT': ['austria', 'österreich'], 'BE': ['belgium', 'belgique', 'belgië'], 'CA': ['canada'],
        'CH': ['switzerland', 'schweiz', 'suisse', 'svizzera'],
        'DE': ['germany', 'deutschland'], 'DK': ['denmark', 'danmark'],
        'ES': ['spain', 'españa'], 'FR': ['france'], 'GB': ['uk', 'united kingdom', 'great britain', 'england'],
        'IE': ['ireland'], 'IT': ['italy', 'italia'], 'NL': ['netherlands', 'the netherlands', 'nederland'],
        'NO': ['norway', 'norge'], 'PL': ['poland', 'polska'], 'PT': ['portugal'], 'SE': ['sweden', 'sverige'],
        'US': ['usa', 'united states', 'united states of america'],
    } -%}
    {%- set given = "lower(trim(" ~ country ~ "))" -%}
    coalesce(
        case {{ given }}
            {%- for code, spellings in names.items() -%} {%- for spelling in spellings %}
            when '{{ spelling }}' then '{{ code }}'
            {%- endfor -%} {%- endfor %}
        end,
        upper({{ regexp_part(given, '^[a-z][a-z]$') }})
    )
{%- endmacro %}
