{# A person's name in the form in which two spellings of it are compared: lower case, without accents, apostrophes and a
   title in front; hyphens, dots and commas are spaces. For matching only: nobody is addressed by it.

   ö becomes o and not oe, so Müller meets Muller and not Mueller. #}
{% macro normalise_name(name) -%}
    {%- set signs = {'İ': 'i', 'Σ': 'σ', '−': ' '} -%}
    {%- for number in range(8208, 8214) -%} {%- do signs.update({'%c' % number: ' '}) -%} {%- endfor -%}
    {%- for apostrophe in "´‘’ʼ′" -%} {%- do signs.update({apostrophe: ''}) -%} {%- endfor -%}
    {%- set accents = {} -%}
    {%- for plain, accented in {
        'a': 'àáâãäåāăąạảấầẩẫậắằẳẵặ', 'c': 'çćĉċč', 'd': 'ďđð', 'e': 'èéêëēĕėęěẹẻẽếềểễệ', 'g': 'ĝğġģ', 'h': 'ĥħ',
        'i': 'ìíîïĩīĭįıỉị', 'j': 'ĵ', 'k': 'ķ', 'l': 'ĺļľł', 'n': 'ñńņň', 'o': 'òóôõöøōŏőơọỏốồổỗộớờởỡợ', 'r': 'ŕŗř',
        's': 'śŝşšș', 't': 'ţťțŧ', 'u': 'ùúûüũūŭůűųưụủứừửữự', 'w': 'ŵ', 'y': 'ýÿŷỳỵỷỹ', 'z': 'źżž'
    }.items() -%}
        {%- for letter in accented -%} {%- do accents.update({letter: plain}) -%} {%- endfor -%}
    {%- endfor -%}
    {%- for number in range(768, 880) -%} {%- do accents.update({'%c' % number: ''}) -%} {%- endfor -%}
    {%- set lower = regexp_replace_all('lower(' ~ plain_text(name, signs) ~ ')', '[.,_-]', ' ') -%}
    {%- set lower = regexp_replace_all(lower, "[''`]") -%}
    {%- set ns = namespace(text=translate_text(lower, accents)) -%}
    {%- for one, two in {'ß': 'ss', 'æ': 'ae', 'œ': 'oe', 'þ': 'th'}.items() -%}
        {%- set ns.text = "replace(" ~ ns.text ~ ", '" ~ one ~ "', '" ~ two ~ "')" -%}
    {%- endfor -%}
    {%- set plain = 'case when ' ~ regexp_like_all(lower, '[ -~]*') ~ ' then ' ~ lower ~ ' else ' ~ ns.text ~ ' end' -%}
    {%- set titles = 'mr|mrs|ms|miss|mx|dr|prof|sir|madam|herr|frau|monsieur|madame|mme|mlle|senor|senora|sr|sra|signor|signora|dott' -%}
    {%- set spaced = 'trim(' ~ regexp_replace_all(plain, ' +', ' ') ~ ')' -%}
    nullif({{ regexp_replace_all(spaced, '^((' ~ titles ~ ') )+') }}, '')
{%- endmacro %}
