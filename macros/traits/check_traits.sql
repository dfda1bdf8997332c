{# Stops with the model's file and the trait's name where a trait is not what a trait macro returns, or was given what it
   does not take. All problems are told at once. `taken` are the other columns that traits stand beside. #}
{% macro check_traits(traits, taken=[]) %}
    {% set problems = [] %}
    {% if traits is not mapping or not traits %}
        {% do problems.append('traits must be a mapping of names to trait macros, not: ' ~ traits) %}
    {% endif %}
    {% for name, trait in (traits.items() if traits is mapping else []) %}
        {% if not modules.re.match('[a-z][a-z0-9_]*$', name | string) or '__' in name | string %}
            {% do problems.append("trait '" ~ name ~ "': a name takes small letters, digits and single underscores") %}
        {% elif name in taken %}
            {% do problems.append("trait '" ~ name ~ "': there is a column of that name beside the traits") %}
        {% endif %}
        {% if trait is not mapping or 'parts' not in trait %}
            {% do problems.append(
                "trait '" ~ name ~ "' is none of the kinds that there are: write " ~ name ~ ": trait_count('order_completed'), "
                ~ 'or another macro of docs/traits.md, not: ' ~ trait
            ) %}
        {% else %}
            {% for problem in trait.problems %}
                {% do problems.append("trait '" ~ name ~ "' (" ~ trait.kind ~ '): ' ~ problem) %}
            {% endfor %}
        {% endif %}
    {% endfor %}
    {% if problems %}
        {{ exceptions.raise_compiler_error(model.original_file_path ~ ': ' ~ problems | join('; ')) }}
    {% endif %}
{% endmacro %}
