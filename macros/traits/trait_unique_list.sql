{# The different values that such events carry, sorted, as one text: 'jackets|shoes'; null without any.

   Text and not an array: both warehouses, a feed and a human read it alike. Choose a separator that no value has. #}
{% macro trait_unique_list(events, value, separator='|', within_days=none, calendar=none, ago=0, session_minutes=none, where=none) %}
    {{ return(trait_spec(
        'unique_list', events,
        window=trait_window(within_days, calendar, ago, session_minutes),
        where=where,
        value=value,
        takes_value=true,
        marks=[{'{trait}__value': 'case when {matches} then cast(' ~ value ~ ' as ' ~ dbt.type_string() ~ ') end'}],
        parts={'': list_unique('{trait}__value', separator)},
    )) }}
{% endmacro %}
