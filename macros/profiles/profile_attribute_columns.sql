{# The columns of profiles that say who somebody is, as its yml lists them: not when and how often they were seen, nor what
   they agreed to. #}
{% macro profile_attribute_columns() %}
    {% set found = [] %}
    {% for node in graph.get('nodes', {}).values() if node.resource_type == 'model' and node.name == 'profiles' %}
        {% for name in node.columns if name not in ['profile_id', 'count_identifiers'] %}
            {% if not name.endswith('_seen_at') and 'consent' not in name %}
                {% do found.append('profiles.' ~ name) %}
            {% endif %}
        {% endfor %}
    {% endfor %}
    {{ return(found or ['profiles.profile_id']) }}
{% endmacro %}
