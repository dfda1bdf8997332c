{# When a Segment call happened: its `timestamp`, which Segment has corrected by the device's clock
   (received_at - sent_at).

   Where it is missing the same correction is made here. Never later than the call was received:
   a clock may have been set between the event and its sending, and a visit in the future would
   count as recent for years. #}
{% macro segment_occurred_at(calls) -%}
    {%- set happened -%}
        coalesce(
            {{ calls }}.timestamp,
            {{ dbt.dateadd(
                'second',
                dbt.datediff(calls ~ '.sent_at', calls ~ '.received_at', 'second'),
                calls ~ '.original_timestamp'
            ) }},
            {{ calls }}.received_at
        )
    {%- endset -%}
    case when {{ happened }} > {{ calls }}.received_at then {{ calls }}.received_at else {{ happened }} end
{%- endmacro %}
