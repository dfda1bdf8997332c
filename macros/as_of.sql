{# The run's moment as a timestamp literal in UTC: var `as_of`, else WEFT_AS_OF, else the start of
   the run.

   Models use it instead of the warehouse's clock, so a run can be repeated, replayed and
   compared exactly. Both ways to set it take an ISO 8601 date or timestamp; one without a zone
   is UTC. #}
{% macro as_of() -%}
    {%- set given = (var('as_of', '') or env_var('WEFT_AS_OF', '')) | string | trim -%}
    {%- if not given -%}
        {%- set moment = run_started_at -%}
    {%- elif modules.re.fullmatch('\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.]\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?)?', given) -%}
        {%- set moment = modules.datetime.datetime.fromisoformat(given) -%}
    {%- else -%}
        {{- exceptions.raise_compiler_error(
            "as_of (or WEFT_AS_OF) is not an ISO 8601 timestamp: '" ~ given ~ "'; write it like 2026-07-01T00:00:00Z"
        ) -}}
    {%- endif -%}
    {%- if moment.tzinfo is not none -%}
        {%- set moment = moment.astimezone(modules.pytz.utc).replace(tzinfo=none) -%}
    {%- endif -%}
    cast('{{ moment.isoformat(sep=' ') }}' as {{ dbt.type_timestamp() }})
{%- endmacro %}
