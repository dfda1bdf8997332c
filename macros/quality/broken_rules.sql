{# The rules that a pack declares for the columns of a raw table or a contract model, each with the condition under which a
   row breaks it: a list of {because, condition}, for one severity (error, the hard ones, or warn).

   A column of a table that is read as text, and that is declared as anything else, has the rule of its type without being
   asked: a hard one if `quality` names the column, else a soft one. relation: what the columns are read from in the query,
   where they would be ambiguous. #}
{% macro broken_rules(node, severity='error', relation=none) -%}
    {%- set asked = quality_of(node).get('columns') or {} -%}
    {%- set location = (node.config.meta or {}).get('external_location') or node.get('source_meta', {}).get('external_location') or '' -%}
    {%- set is_text = location.startswith('read_csv') or location.startswith('read_json') -%}
    {%- set found = [] -%}
    {%- for declared in node.columns.values() -%}
        {%- set rules = asked.get(declared.name, {'severity': 'warn'}) -%}
        {%- if rules.get('severity', 'error') == severity -%}
            {%- for because, condition in broken_conditions(declared, rules, relation, is_text) -%}
                {%- do found.append({'because': declared.name ~ ': ' ~ because, 'condition': condition}) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# Of one column: a list of (why, condition). A rule about values says nothing of a row without one: that is not_null's. #}
{% macro broken_conditions(column, rules, relation, is_text) -%}
    {%- set prefix = relation ~ '.' if relation else '' -%}
    {%- set name = prefix ~ column.name -%}
    {%- set type = (column.data_type or 'varchar') | lower -%}
    {%- set is_varchar = type.startswith('varchar') or type.startswith('text') -%}
    {%- set text = clean_text(name) -%}
    {%- set is_typed = is_text and not is_varchar -%}
    {%- set value = typed(name, type) if is_typed else name -%}
    {%- set found = [] -%}
    {%- if rules.get('not_null') -%}
        {%- do found.append(('missing', (text if is_text or is_varchar else name) ~ ' is null')) -%}
    {%- endif -%}
    {%- if is_typed -%}
        {%- do found.append(('not a ' ~ type.split('(')[0], text ~ ' is not null and ' ~ value ~ ' is null')) -%}
    {%- endif -%}
    {%- if rules.get('accepted') -%}
        {%- set listed = [] -%}
        {%- for each in rules.accepted -%} {%- do listed.append(quality_literal(each, type)) -%} {%- endfor -%}
        {%- do found.append(('not one of the accepted values', value ~ ' not in (' ~ listed | join(', ') ~ ')')) -%}
    {%- endif -%}
    {%- if rules.get('min') is not none and 'min' in rules -%}
        {%- do found.append(('below ' ~ rules.min, value ~ ' < ' ~ quality_literal(rules.min, type))) -%}
    {%- endif -%}
    {%- if rules.get('max') is not none and 'max' in rules -%}
        {%- do found.append(('above ' ~ rules.max, value ~ ' > ' ~ quality_literal(rules.max, type))) -%}
    {%- endif -%}
    {%- if rules.get('not_after') -%}
        {%- set other = prefix ~ rules.not_after -%}
        {%- do found.append(('after ' ~ rules.not_after, value ~ ' > ' ~ (typed(other, type) if is_typed else other))) -%}
    {%- endif -%}
    {%- if rules.get('json') -%}
        {%- do found.append(('not JSON', text ~ ' is not null and ' ~ json_parse(name) ~ ' is null')) -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}

{# A value of the yml as SQL, of the column's type. #}
{% macro quality_literal(value, type) -%}
    {%- if value is number and value is not boolean -%} {{ return(value | string) }}
    {%- elif value is boolean -%} {{ return('true' if value else 'false') }}
    {%- endif -%}
    {{ return('cast(' ~ dbt.string_literal(dbt.escape_single_quotes(value | string)) ~ ' as ' ~ type ~ ')') }}
{%- endmacro %}
