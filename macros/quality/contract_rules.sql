{# What every row of a contract has to keep to, whatever pack it comes from: a list of {because, condition}.

   A value that stands for "no value" (null, n/a) is an identifier here: identity blocks it, and counts it. A refusal of
   consent and a request to be forgotten are never held back for their time: see contract_readings. #}
{% macro contract_rules(contract) -%}
    {%- set earliest = "cast('1990-01-01' as " ~ dbt.type_timestamp() ~ ')' -%}
    {%- set identified = [
        {'because': 'identifier_value: missing', 'condition': "coalesce(identifier_value, '') = ''"},
        {'because': 'identifier_type: missing', 'condition': "coalesce(identifier_type, '') = ''"},
    ] -%}
    {%- set observed = [{'because': 'observed_at: before 1990', 'condition': 'observed_at < ' ~ earliest}] -%}
    {%- set rules = {
        'identifiers': [
            {'because': 'record_id: missing', 'condition': "coalesce(record_id, '') = ''"},
        ] + identified + observed,
        'events': [
            {'because': 'event_id: missing', 'condition': "coalesce(event_id, '') = ''"},
            {'because': 'event_name: missing', 'condition': "coalesce(event_name, '') = ''"},
        ] + identified + [
            {'because': 'occurred_at: missing', 'condition': 'occurred_at is null'},
            {'because': 'occurred_at: before 1990', 'condition': 'occurred_at < ' ~ earliest},
            {
                'because': 'occurred_at: more than a day after received_at',
                'condition': 'occurred_at > ' ~ dbt.dateadd('day', 1, 'received_at'),
            },
        ],
        'traits': [
            {'because': 'left out: no value', 'condition': "coalesce(value, '') = ''"},
            {'because': 'trait: missing', 'condition': "coalesce(trait, '') = ''"},
        ] + identified + observed,
        'consents': identified + [
            {'because': 'purpose: missing', 'condition': "coalesce(purpose, '') = ''"},
            {'because': 'occurred_at: missing', 'condition': 'occurred_at is null'},
            {'because': 'occurred_at: before 1990', 'condition': 'occurred_at < ' ~ earliest},
        ],
        'erasures': identified,
    } -%}
    {{ return(rules[contract]) }}
{%- endmacro %}

{# The columns of a contract that are read with care, as {column: SQL}.

   Holding back a refusal because its time is broken would let an older yes stand, and a status that nobody can read may
   have been a no. So what is not plainly granted is denied, and a denial or a request whose time is broken is of now. #}
{% macro contract_readings(contract) -%}
    {%- set is_no = "coalesce(lower(trim(status)), '') <> 'granted'" -%}
    {%- set is_absurd = "coalesce(occurred_at, cast('1970-01-01' as " ~ dbt.type_timestamp() ~ "))"
        ~ " < cast('1990-01-01' as " ~ dbt.type_timestamp() ~ ')' -%}
    {%- set readings = {
        'consents': {
            'status': 'case when ' ~ is_no ~ " then 'denied' else 'granted' end",
            'occurred_at': 'case when ' ~ is_no ~ ' and ' ~ is_absurd ~ ' then ' ~ as_of() ~ ' else occurred_at end',
        },
        'erasures': {'requested_at': 'coalesce(requested_at, ' ~ as_of() ~ ')'},
    } -%}
    {{ return(readings.get(contract, {})) }}
{%- endmacro %}
