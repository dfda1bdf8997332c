{# The people who are in a segment, with the columns of its model: what a feed imports.

   seg_<name> says who fits the definition. This leaves out who fits it but may not come back yet, by meta.reentry. #}
{% macro members_of(segment) -%}
    select seg_{{ segment }}.*
    from {{ ref('seg_' ~ segment) }} as seg_{{ segment }}
    inner join {{ ref('segment_memberships') }} as held
        on
            seg_{{ segment }}.profile_id = held.profile_id
            and held.segment = '{{ segment }}'
{%- endmacro %}
