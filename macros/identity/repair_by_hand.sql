{# Takes the best `at_once` edges of a round one at a time, in the order of their ranks, here and not in the warehouse.

   Writes to `groups` what was joined, and returns the rank of the last edge that was looked at: all up to it are
   settled. The smaller group moves to the larger, so that no identifier moves often. #}
{% macro repair_by_hand(groups, ranked, counts, barred, types, round, at_once) %}
    {% set edges = run_query(
        'select a, b, taken_as, decided from ' ~ ranked ~ ' where round = ' ~ round ~ ' order by taken_as limit ' ~ at_once
    ).rows %}
    {% set concerned = '(select a as node from ' ~ ranked ~ ' where round = ' ~ round
        ~ ' union select b as node from ' ~ ranked ~ ' where round = ' ~ round ~ ')' %}
    {% set limits = {} %}
    {% for row in run_query('select identifier_type, max_per_person from ' ~ types ~ ' where max_per_person is not null').rows %}
        {% do limits.update({row[0]: row[1] | int}) %}
    {% endfor %}

    {% set group, members, held, excluded = {}, {}, {}, {} %}
    {% for row in edges %}
        {% for node in [row[0] | int, row[1] | int] %}
            {% do group.update({node: node}) %}
            {% do members.update({node: [node]}) %}
            {% do held.update({node: {}}) %}
            {% do excluded.update({node: []}) %}
        {% endfor %}
    {% endfor %}
    {% for row in run_query(
        'select node, identifier_type, held from ' ~ counts ~ ' where round = ' ~ round ~ ' and node in ' ~ concerned
    ).rows if (row[0] | int) in held %}
        {% do held[row[0] | int].update({row[1]: row[2] | int}) %}
    {% endfor %}
    {% for row in run_query('select a, b, decided from ' ~ barred ~ ' where round = ' ~ round).rows
        if (row[0] | int) in group and (row[1] | int) in group %}
        {% do excluded[row[0] | int].append([row[1] | int, row[2] | int]) %}
        {% do excluded[row[1] | int].append([row[0] | int, row[2] | int]) %}
    {% endfor %}

    {% for row in edges %}
        {% set left, right = group[row[0] | int], group[row[1] | int] %}
        {% if left != right %}
            {% set small, large = (left, right) if members[left] | length < members[right] | length else (right, left) %}
            {% set decided = -1 if row[3] is none else row[3] | int %}
            {% set check = namespace(is_free=true) %}
            {% for type, count in held[small].items() if decided < 0 and type in held[large] %}
                {% if count + held[large][type] > limits[type] %}{% set check.is_free = false %}{% endif %}
            {% endfor %}
            {% set fewer, others = (small, large) if excluded[small] | length < excluded[large] | length else (large, small) %}
            {% for other in excluded[fewer] if group[other[0]] == others and other[1] >= decided %}
                {% set check.is_free = false %}
            {% endfor %}
            {% if check.is_free %}
                {% for node in members[small] %}{% do group.update({node: large}) %}{% endfor %}
                {% do members[large].extend(members.pop(small)) %}
                {% for type, count in held.pop(small).items() %}
                    {% do held[large].update({type: count + held[large].get(type, 0)}) %}
                {% endfor %}
                {% do excluded[large].extend(excluded.pop(small)) %}
            {% endif %}
        {% endif %}
    {% endfor %}

    {% set rows = [] %}
    {% for nodes in members.values() %}
        {% set oldest = nodes | min %}
        {% for node in nodes if node != oldest %}
            {% do rows.append('(' ~ round ~ ', ' ~ node ~ ', ' ~ oldest ~ ')') %}
        {% endfor %}
    {% endfor %}
    {% if rows %}
        {% do run_query('insert into ' ~ groups ~ ' values ' ~ rows | join(', ')) %}
    {% endif %}
    {{ return(edges[edges | length - 1][2] | int) }}
{% endmacro %}
