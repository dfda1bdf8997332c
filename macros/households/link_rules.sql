{# The rules of a var as a list of rows: rule, kind, of and the limits.

   Every rule names one kind of evidence, of those that the calling model understands (see link_claims), and above how
   many people it is evidence of nothing; other limits can be left out. Stops, with every place and the mend, when the
   var says something that no rule means. #}
{% macro link_rules(variable, kinds, limits) %}
    {% set rules = var(variable) %}
    {% set rows = [] %}
    {% set problems = [] %}
    {% if rules is not mapping or not rules %}
        {% do problems.append('it needs a mapping of names to rules') %}
    {% endif %}
    {% for name, rule in (rules.items() if rules is mapping else []) %}
        {% set named = (rule.keys() | select('in', kinds) | list) if rule is mapping else [] %}
        {% if not modules.re.match('[a-z0-9_]+$', name) %}
            {% do problems.append('the name ' ~ name ~ ' takes small letters, digits and _ only') %}
        {% elif named | length != 1 %}
            {% do problems.append(name ~ ' needs one of ' ~ kinds | join(', ')) %}
        {% elif rule.keys() | reject('in', named + limits) | list %}
            {% do problems.append(name ~ ' takes only ' ~ (named + limits) | join(', ')) %}
        {% else %}
            {% set row = {'rule': name, 'kind': named[0], 'of': rule[named[0]]} %}
            {% do problems.append(link_rule_problem(row)) %}
            {% for limit in limits %}
                {% do row.update({limit: rule.get(limit)}) %}
                {% set is_without = rule.get(limit) is none and limit != 'max_people' %}
                {% if not is_without and (rule.get(limit) is not integer or rule[limit] < 1) %}
                    {% do problems.append(name ~ ' needs ' ~ limit ~ ', a whole number') %}
                {% endif %}
            {% endfor %}
            {% do rows.append(row) %}
        {% endif %}
    {% endfor %}
    {% set problems = problems | map('trim') | select | list %}
    {% if problems %}
        {{ exceptions.raise_compiler_error(
            'dbt_project.yml, vars: ' ~ variable ~ ': ' ~ problems | join('; ')
            ~ '. A rule reads: ' ~ kinds[0] ~ 's: {' ~ kinds[0] ~ ': [last_name, postal_code], '
            ~ limits | join(': 8, ') ~ ': 8}'
        ) }}
    {% endif %}
    {{ return(rows) }}
{% endmacro %}

{# What is wrong with the evidence that a rule names; empty when nothing is. #}
{% macro link_rule_problem(row) -%}
    {#- dbt knows the columns of profiles once it compiles. #}
    {%- set columns = profile_columns().keys() | list -%}
    {%- if row.kind == 'same' -%}
        {%- if row.of is string or row.of is not sequence or not row.of -%}
            {{ row.rule }} needs same: a list of columns of profiles
        {%- elif columns and row.of | reject('in', columns) | list -%}
            {{ row.rule }} needs same: a list out of {{ columns | join(', ') }}
        {%- endif -%}
    {%- elif row.kind == 'kept_apart' -%}
        {%- if row.of is not sameas true -%} {{ row.rule }} needs kept_apart: true {%- endif -%}
    {%- elif row.of is not string or not modules.re.match('[a-z0-9_]+$', row.of) -%}
        {{ row.rule }} needs {{ row.kind }}: an identifier type
    {%- endif -%}
{%- endmacro %}

{# The columns of profiles that the rules compare. #}
{% macro link_columns(rules) %}
    {% set columns = [] %}
    {% for rule in rules if rule.kind == 'same' %}
        {% do columns.extend(rule.of) %}
    {% endfor %}
    {{ return(columns | unique | list) }}
{% endmacro %}

{# A limit of the rule that is in column `rule`, as SQL; null for none. #}
{% macro link_limit(rules, limit) -%}
    cast(
        case rule
            {%- for row in rules %}
            when '{{ row.rule }}' then {{ 'null' if row[limit] is none else row[limit] }}
            {%- endfor %}
        end as {{ dbt.type_int() }}
    )
{%- endmacro %}
