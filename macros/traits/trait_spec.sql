{# What a trait macro returns: a mapping that compute_traits turns into SQL.

   `parts` are the aggregates that the trait is made of, by suffix ('' is the trait itself); `result` makes the trait of
   them. `marks` are the columns that each event needs first, a list of steps of which one may use those of the step
   before. Their SQL has names in braces that compute_traits fills in: {matches}, whether the event counts; {trait}, the
   trait's name, or its aggregate in `result` and `expires`; {moment}, the time that the trait is true for; {per}, what
   it is computed for. `expires` are moments at which the trait changes by the clock. Without them a trait with a window
   expires when the first of its events enters or leaves it.

   `carried`: only events with a value count. `absent`: what the trait is without any event, else null. `problems` are told by compute_traits, which knows the trait's name. #}
{% macro trait_spec(
    kind, events, parts, result='{trait}', window=none, where=none, value=none, takes_value=false, carried=false,
    absent=none, marks=[], expires=none, problems=[]
) %}
    {% set names = [events] if events is string else events %}
    {% set problems = problems + (window.problems if window else []) %}
    {% if names is not sequence or names is mapping or not names or names | reject('string') | list %}
        {% set problems = problems + ['events must be the name of an event or a list of names, not: ' ~ events] %}
        {% set names = [] %}
    {% endif %}
    {% if takes_value and (value is not string or not value | trim) %}
        {% set problems = problems + ["value is missing: a column of the events, or SQL made of them, such as 'amount'"] %}
    {% endif %}
    {% if where is not none and (where is not string or not where | trim) %}
        {% set problems = problems + ['where must be a condition in SQL, not: ' ~ where] %}
    {% endif %}
    {{ return({
        'kind': kind,
        'events': names | unique | list,
        'value': value,
        'where': where,
        'carried': carried,
        'absent': absent,
        'window': window or {'kind': 'lifetime'},
        'marks': marks,
        'parts': parts,
        'result': result,
        'expires': expires,
        'problems': problems,
    }) }}
{% endmacro %}
