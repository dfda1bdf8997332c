{# The rows of one contract that broke a rule, without what they say of anybody: which raw table and record, the rule, when. The
   identifier is there to find the rows of erased people by, and goes no further.

   A contract without a record id is named by a hash of what its rows are told apart by. #}
{% macro held_rows(contract) -%}
    {%- set named = {
        'identifiers': ("split_part(record_id, ':', 1)", 'record_id', 'observed_at'),
        'events': ("split_part(event_id, ':', 2)", 'event_id', 'received_at'),
        'traits': ('cast(null as varchar)', hash_text(['identifier_type', 'identifier_value', 'trait']), 'observed_at'),
        'consents': (
            'cast(null as varchar)', hash_text(['identifier_type', 'identifier_value', 'purpose', 'occurred_at']), 'occurred_at'
        ),
        'erasures': ('cast(null as varchar)', hash_text(['identifier_type', 'identifier_value']), 'requested_at'),
    }[contract] -%}
    select
        source,
        '{{ contract }}' as contract,
        {{ named[0] }} as raw_table,
        {{ named[1] }} as record_id,
        held_because as reason,
        {{ named[2] }} as seen_at,
        identifier_type,
        identifier_value
    from {{ ref('checked_' ~ contract) }}
    where held_because not like 'left out: %'
{%- endmacro %}
