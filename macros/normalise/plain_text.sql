{# Text with every kind of space as a space, full-width letters and digits as plain ones, and without what one cannot see:
   soft hyphens, zero-width characters, marks of direction, which come along when a value is copied from a page or a
   contact. Spaces around it are gone.

   more: mapping of further characters, none of them ASCII, to what each becomes; '' takes it out. One `translate` does it
   all, in both warehouses; neither has a compatibility form (NFKC), and Snowflake has no normal form at all. #}
{% macro plain_text(expression, more={}) -%}
    {%- set plain = {'。': '.', '．': '.', '＠': '@', '－': '-', '＿': '_', '＋': '+', '（': '(', '）': ')', '／': '/'} -%}
    {%- for number in range(10) -%} {%- do plain.update({'%c' % (65296 + number): '%c' % (48 + number)}) -%} {%- endfor -%}
    {%- for number in range(26) -%}
        {%- do plain.update({
            '%c' % (65313 + number): '%c' % (65 + number), '%c' % (65345 + number): '%c' % (97 + number)
        }) -%}
    {%- endfor -%}
    {%- for space in spaces() -%} {%- do plain.update({space: ' '}) -%} {%- endfor -%}
    {%- for character in unseen_characters() -%} {%- do plain.update({character: ''}) -%} {%- endfor -%}
    {%- do plain.update(more) -%}
    {%- set text = 'cast(' ~ expression ~ ' as varchar)' -%}
    {#- Nearly every value is plain already, and to look costs a tenth of translating. -#}
    case
        when {{ regexp_like_all(text, '[ -~]*') }} then trim({{ text }})
        else trim({{ translate_text('translate(' ~ text ~ ', ' ~ line_breaks() ~ ", '     ')", plain) }})
    end
{%- endmacro %}
