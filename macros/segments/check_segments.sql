{# Stops the build where a segment is not fit to be followed, and names the file: a seg_ model that the variable segments
   leaves out without saying so, one whose yml does not test that people are in it once, an invalid meta.reentry, and a
   feed that would send people whom meta.reentry keeps out. #}
{% macro check_segments(segments) %}
    {% for node in graph.get('nodes', {}).values() if node.resource_type == 'model' %}
        {% if node.name.startswith('seg_') %}
            {% do check_segment(node, segments) %}
        {% endif %}
    {% endfor %}
{% endmacro %}

{% macro check_segment(node, segments) %}
    {% set name, meta = node.name[4:], node.config.meta %}
    {% set yml = (node.patch_path or node.original_file_path.replace('.sql', '.yml')).split('://')[-1] %}
    {% if meta.get('followed', true) is not boolean %}
        {{ exceptions.raise_compiler_error(node.name ~ ': meta.followed is neither true nor false (' ~ yml ~ ')') }}
    {% elif name not in segments and meta.get('followed', true) %}
        {{ exceptions.raise_compiler_error(
            node.original_file_path ~ ' is a segment that is not followed: add the line `- ' ~ name
            ~ '` under vars: segments: in dbt_project.yml, or `followed: false` to its meta in ' ~ yml
        ) }}
    {% elif name in segments and not meta.get('followed', true) %}
        {{ exceptions.raise_compiler_error(
            node.name ~ ': meta.followed is false, and yet vars: segments: in dbt_project.yml names ' ~ name
            ~ '; remove one of the two (' ~ yml ~ ')'
        ) }}
    {% endif %}
    {% set missing = ['not_null', 'unique'] | reject('in', column_tests(node, 'profile_id')) | list %}
    {% if missing and name in segments %}
        {{ exceptions.raise_compiler_error(
            node.name ~ ': nothing tests that each person is in it once; add `data_tests: [not_null, unique]` to the column '
            ~ 'profile_id in ' ~ yml
        ) }}
    {% endif %}
    {% set rule = reentry_rule(node) %}
    {% if name in segments and (not rule.is_allowed or rule.cool_off_days) %}
        {% for feed in readers_of(node) if feed.name.startswith('sync_') and not reads_memberships(feed) %}
            {{ exceptions.raise_compiler_error(
                feed.original_file_path ~ ' reads ' ~ node.name ~ ', which also holds people whom its meta.reentry keeps '
                ~ "out; read {{ members_of('" ~ name ~ "') }} instead"
            ) }}
        {% endfor %}
    {% endif %}
{% endmacro %}

{# The names of the generic tests of one column of a model. #}
{% macro column_tests(node, column) %}
    {% set found = [] %}
    {% for test in graph.get('nodes', {}).values() if test.resource_type == 'test' and test.attached_node == node.unique_id %}
        {% if (test.column_name or '') | lower == column %}
            {% do found.append(test.test_metadata.name) %}
        {% endif %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}

{# The models that read a model. #}
{% macro readers_of(node) %}
    {% set found = [] %}
    {% for each in graph.get('nodes', {}).values() if each.resource_type == 'model' and node.unique_id in each.depends_on.nodes %}
        {% do found.append(each) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}

{% macro reads_memberships(node) %}
    {{ return('segment_memberships' in node.depends_on.nodes | map('replace', 'model.' ~ node.package_name ~ '.', '') | list) }}
{% endmacro %}
