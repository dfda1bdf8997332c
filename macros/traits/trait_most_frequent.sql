{# The value that most such events carry; null without any. Of values that are equally frequent, the one that was seen
   last, by the order of trait_last. #}
{% macro trait_most_frequent(events, value, within_days=none, calendar=none, ago=0, session_minutes=none, where=none) %}
    {{ return(trait_spec(
        'most_frequent', events,
        window=trait_window(within_days, calendar, ago, session_minutes),
        where=where,
        value=value,
        takes_value=true,
        carried=true,
        marks=[
            {'{trait}__count': 'count(*) over (partition by {per}, {matches}, ' ~ value ~ ')'},
            {'{trait}__rank': 'row_number() over (partition by {per}, {matches}'
                ~ ' order by {trait}__count desc, occurred_at desc, event_id desc)'},
        ],
        parts={'': 'max(case when {matches} and {trait}__rank = 1 then ' ~ value ~ ' end)'},
    )) }}
{% endmacro %}
