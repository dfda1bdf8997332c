{# What a segment is by its SQL, as a dict; none where the project has no such model.

   `hash` stands for the text of seg_<name> and of every segment that it builds on, without comments and spaces. The run's
   moment is a call in that text, so that time alone never changes it. The three `reads_...` say what can move a person in
   or out: `consents` where the text names a column of consent, `profiles` where it reads them, `events` where it reads
   anything else but segments. `reentry` is as reentry_rule gives it. #}
{% macro segment_definition(segment) %}
    {% set node = segment_node(segment) %}
    {% if node is none %}
        {{ return(none) }}
    {% endif %}
    {% set texts, reads = [], [] %}
    {% for each in segments_below(node, []) %}
        {% set code = modules.re.sub('--[^\n]*|/[*].*?[*]/|\{#.*?#\}', ' ', each.raw_code, flags=modules.re.DOTALL) %}
        {% do texts.append(modules.re.sub('\s+', ' ', code) | trim) %}
        {% for id in each.depends_on.nodes %}
            {% do reads.append(id.split('.')[-1]) %}
        {% endfor %}
    {% endfor %}
    {% set others = [] %}
    {% for name in reads if name not in ['profiles', 'profile_consents'] and not name.startswith('seg_') %}
        {% do others.append(name) %}
    {% endfor %}
    {{ return({
        'hash': local_md5(texts | join('|')),
        'reads_events': others | length > 0,
        'reads_consents': 'consent' in texts | join(' ') | lower,
        'reads_profiles': 'profiles' in reads,
        'reentry': reentry_rule(node),
    }) }}
{% endmacro %}

{# The model of a segment; none where there is none, and while dbt reads the project for the first time. #}
{% macro segment_node(segment) %}
    {% for node in graph.get('nodes', {}).values() %}
        {% if node.resource_type == 'model' and node.name == 'seg_' ~ segment %}
            {{ return(node) }}
        {% endif %}
    {% endfor %}
    {{ return(none) }}
{% endmacro %}

{# A segment's model and those of the segments that it builds on, each once. #}
{% macro segments_below(node, found) %}
    {% do found.append(node) %}
    {% for id in node.depends_on.nodes | sort if id.split('.')[-1].startswith('seg_') %}
        {% set below = graph.nodes[id] %}
        {% if below not in found %}
            {% do segments_below(below, found) %}
        {% endif %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}
