{# The attributes of a profile, as models/profiles/profiles.yml declares them: by column its rule and its data_type.

   A column with `survivorship` in its meta is an attribute. The rule is most_recent, most_frequent, source_priority (the
   list in the variable `survivorship`), a list of sources, or {expression: …}. dbt knows the columns of a model when it
   compiles, not while it reads the project, so a rule that means nothing stops the compilation, and all such are named at once.
   A unit test has no columns: it overrides this macro. #}
{% macro survivorship_rules() %}
    {% set rules = {} %}
    {% set problems = [] %}
    {% set setting = var('survivorship', {}) %}
    {% if setting is not mapping or setting.keys() | list != ['source_priority'] %}
        {{ exceptions.raise_compiler_error(
            'dbt_project.yml, vars: survivorship takes source_priority, a list of sources, and nothing else. The rule of an '
            ~ 'attribute stands beside its column in models/profiles/profiles.yml: config: {meta: {survivorship: most_recent}}.'
        ) }}
    {% endif %}
    {% if not execute %}
        {{ return(rules) }}
    {% endif %}
    {% set declared = profile_columns() %}
    {% for name, column in declared.items() if 'survivorship' in column.config.meta %}
        {% set rule = column.config.meta.survivorship %}
        {% set problem = survivorship_problem(rule) | trim %}
        {% set problem = problem or ('' if column.data_type else 'it needs a data_type') %}
        {% if problem %}
            {% do problems.append('column ' ~ name ~ ': ' ~ problem) %}
        {% endif %}
        {% do rules.update({name: {'rule': rule, 'data_type': column.data_type}}) %}
    {% endfor %}
    {% if problems %}
        {{ exceptions.raise_compiler_error('models/profiles/profiles.yml, ' ~ problems | join('; ')) }}
    {% endif %}
    {{ return(rules) }}
{% endmacro %}

{# The columns that models/profiles/profiles.yml declares; none in a unit test, which sees no other model. #}
{% macro profile_columns() %}
    {% set node = graph.get('nodes', {}).get('model.' ~ project_name ~ '.profiles') if execute else none %}
    {{ return(node.columns if node else {}) }}
{% endmacro %}

{# What is wrong with a rule, with the mend; empty when nothing is. A source is known when it is switched on, or is in the
   common list. #}
{% macro survivorship_problem(rule) -%}
    {%- set known = var('sources').keys() | list + var('survivorship').source_priority -%}
    {%- set named = ['most_recent', 'most_frequent', 'source_priority'] -%}
    {%- if rule is string and rule in named -%}
    {%- elif rule is mapping -%}
        {%- if rule.keys() | list != ['expression'] or rule.expression is not string or not rule.expression | trim -%}
            survivorship has the expression '{{ rule.get('expression', none) or '' }}' and the keys {{ rule.keys() | join(', ') }}; write
            {expression: SQL over value, source, observed_at and count_statements}, whose greatest value wins
        {%- endif -%}
    {%- elif rule is string or rule is not sequence or not rule -%}
        survivorship is '{{ rule }}'; use {{ named | join(', ') }}, a list of sources, or {expression: SQL}
    {%- elif rule | reject('in', known) | list -%}
        survivorship names the source {{ rule | reject('in', known) | join(', ') }}, which is neither under vars: sources nor in
        source_priority in dbt_project.yml; use some of {{ known | unique | join(', ') }}
    {%- endif -%}
{%- endmacro %}

{# A rule as one reads it: its name, its sources, or its expression. #}
{% macro survivorship_rule_text(rule) -%}
    {{ rule if rule is string else rule.expression | trim if rule is mapping else rule | join(', ') }}
{%- endmacro %}
