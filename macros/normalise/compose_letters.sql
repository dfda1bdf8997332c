{# Lower-case text in which a letter and the accents after it are one character, as most keyboards write it (Unicode's
   NFC). #}
{% macro compose_letters(expression) -%}
    {{ return(adapter.dispatch('compose_letters', 'weft')(expression)) }}
{%- endmacro %}

{% macro default__compose_letters(expression) -%}
    nfc_normalize({{ expression }})
{%- endmacro %}

{# Snowflake has no normal forms. The letters of Europe's languages are composed one by one, and only where there is an
   accent to compose; what other scripts write in two ways stays two values there. #}
{% macro snowflake__compose_letters(expression) -%}
    {%- set composed = {
        768: ['aeiou', 'àèìòù'], 769: ['aeiouycnszlr', 'áéíóúýćńśźĺŕ'], 770: ['aeiou', 'âêîôû'], 771: ['aino', 'ãĩñõ'],
        772: ['aeiou', 'āēīōū'], 774: ['ag', 'ăğ'], 775: ['ezgc', 'ėżġċ'], 776: ['aeiouy', 'äëïöüÿ'],
        778: ['au', 'åů'], 779: ['ou', 'őű'], 780: ['cdenrstzl', 'čďěňřšťžľ'], 806: ['st', 'șț'],
        807: ['cgklnrst', 'çģķļņŗşţ'], 808: ['aeiu', 'ąęįų']
    } -%}
    {%- set ns = namespace(text=expression) -%}
    {%- for accent, letters in composed.items() -%}
        {%- for letter in letters[0] -%}
            {%- set ns.text = "replace(" ~ ns.text ~ ", '" ~ letter ~ '%c' % accent ~ "', '" ~ letters[1][loop.index0] ~ "')" -%}
        {%- endfor -%}
    {%- endfor -%}
    case
        when regexp_instr({{ expression }}, '[{{ '%c' % 768 }}-{{ '%c' % 879 }}]') > 0 then {{ ns.text }}
        else {{ expression }}
    end
{%- endmacro %}
