{# Gives the identifiers whose label moved in this batch, or in one that was killed, the profile of their label; when all is
   read, every identifier whose profile is not the label's. Nothing else of their rows is read or written. #}
{% macro follow_moved_labels() %}
    {%- if is_incremental() and has_stored_state('identity_map', {'node_seq': ''}) -%}
    update {{ this }}
    set profile_id = {{ profile_id('labels.canonical_seq') }}
    from {{ ref('identity_labels') }} as labels
    where
        {{ this }}.node_seq = labels.node_seq
        and {{ 'true' if reads_everything() else 'labels.batch > ' ~ finished_batch() }}
        and {{ this }}.profile_id <> {{ profile_id('labels.canonical_seq') }}
    {%- endif -%}
{% endmacro %}
