{# What a pack declares of the quality of one raw table or contract model, checked: `config.meta.quality` of the node.

   {
     key: the column that tells records apart (raw tables),
     becomes: the contract of which each record is one row (raw tables; the row's id is <source>:<table>:<key>),
     columns: {column: {rule: argument, severity: warn}},
     volume: {low: 0.5, high: 2, days: 28, at_least: 100}
   }

   A word that it does not know, or a column that the yml does not declare, ends the compilation. #}
{% macro quality_of(node) -%}
    {%- set given = (node.config.meta or {}).get('quality', {}) -%}
    {%- set where = node.original_file_path ~ ', ' ~ node.name -%}
    {%- set names = node.columns.values() | map(attribute='name') | map('lower') | list -%}
    {%- do quality_words(where ~ ', quality', given, ['key', 'becomes', 'columns', 'volume']) -%}
    {%- do quality_words(where ~ ', quality: volume', given.get('volume', {}), ['low', 'high', 'days', 'at_least']) -%}
    {%- set asked = (given.get('columns') or {}).keys() | list + ([given.key] if given.get('key') else []) -%}
    {%- for column in asked if column not in names -%}
        {{ exceptions.raise_compiler_error(
            where ~ ': quality names the column ' ~ column ~ ', which the yml does not declare; it declares '
            ~ (names | join(', ') or 'none') ~ '. Mend the name, or declare the column.'
        ) }}
    {%- endfor -%}
    {%- for column, rules in (given.get('columns') or {}).items() -%}
        {%- do quality_words(where ~ ', column ' ~ column, rules, quality_rules()) -%}
        {%- if rules.get('not_after') and rules.not_after not in names -%}
            {{ exceptions.raise_compiler_error(
                where ~ ', column ' ~ column ~ ': not_after names ' ~ rules.not_after ~ ', which is no column of it.'
            ) }}
        {%- endif -%}
        {%- if rules.get('severity', 'error') not in ['error', 'warn'] -%}
            {{ exceptions.raise_compiler_error(
                where ~ ', column ' ~ column ~ ': severity is error or warn, not ' ~ rules.severity
            ) }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(given) }}
{%- endmacro %}

{# The rules that a column may have. #}
{% macro quality_rules() -%}
    {{ return(['not_null', 'accepted', 'min', 'max', 'not_after', 'json', 'severity']) }}
{%- endmacro %}

{# Ends the compilation where a mapping has a word that it may not have. #}
{% macro quality_words(where, given, known) -%}
    {%- if given is not mapping -%}
        {{ exceptions.raise_compiler_error(where ~ ' is not a mapping; it takes ' ~ known | join(', ')) }}
    {%- endif -%}
    {%- for word in given if word not in known -%}
        {{ exceptions.raise_compiler_error(
            where ~ ': there is no ' ~ word ~ '; it takes ' ~ known | join(', ')
        ) }}
    {%- endfor -%}
{%- endmacro %}
