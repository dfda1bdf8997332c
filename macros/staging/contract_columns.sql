{# The staging contracts: the columns of each and their types, in order. #}
{% macro contract_columns(contract) -%}
    {%- set contracts = {
        'identifiers': ['source', 'record_id', 'identifier_type', 'identifier_value', 'observed_at'],
        'events': [
            'event_id', 'source', 'event_name', 'occurred_at', 'received_at', 'identifier_type', 'identifier_value',
            'properties'
        ],
        'traits': ['source', 'identifier_type', 'identifier_value', 'trait', 'value', 'observed_at'],
        'consents': [
            'source', 'identifier_type', 'identifier_value', 'purpose', 'status', 'jurisdiction', 'occurred_at'
        ],
        'erasures': ['source', 'identifier_type', 'identifier_value', 'requested_at']
    } -%}
    {%- if contract not in contracts -%}
        {{ exceptions.raise_compiler_error(
            "There is no staging contract '" ~ contract ~ "'; there are: " ~ contracts.keys() | join(', ')
        ) }}
    {%- endif -%}
    {%- set columns = {} -%}
    {%- for name in contracts[contract] -%}
        {%- if name == 'properties' -%} {%- set type = type_json() -%}
        {%- elif name.endswith('_at') -%} {%- set type = dbt.type_timestamp() -%}
        {%- else -%} {%- set type = 'varchar' -%}
        {%- endif -%}
        {%- do columns.update({name: type}) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}

{# The staging contracts, by name. #}
{% macro contract_names() -%}
    {{ return(['identifiers', 'events', 'traits', 'consents', 'erasures']) }}
{%- endmacro %}

{# The column that says when what a row of a contract speaks of happened. #}
{% macro contract_time(contract) -%}
    {{ return({'events': 'occurred_at', 'consents': 'occurred_at', 'erasures': 'requested_at'}.get(contract, 'observed_at')) }}
{%- endmacro %}
