{# Gives the identifiers whose label moved in this batch, or in one that was killed, the profile of their label; when all is
   read, every identifier whose profile is not the label's. Nothing else of their rows is read or written. #}
{% macro follow_moved_labels() %}
    {%- if is_incremental() and (reads_everything() or has_moved_labels()) -%}
    update {{ this }}
    set profile_id = {{ profile_id('labels.canonical_seq') }}
    from {{ ref('identity_labels') }} as labels
    where
        {{ this }}.node_seq = labels.node_seq
        and {{ 'true' if reads_everything() else 'labels.batch > ' ~ finished_batch() }}
        and {{ this }}.profile_id <> {{ profile_id('labels.canonical_seq') }}
    {%- endif -%}
{% endmacro %}

{% macro has_moved_labels() %}
    {%- set counted = 'select count(*) from ' ~ ref('identity_labels') ~ ' where batch > ' ~ finished_batch() -%}
    {{ return(execute and run_query(counted).rows[0][0] | int > 0) }}
{% endmacro %}
