{# Takes out of the log what a run wrote that died before it moved a label: the next one may find other moves. #}
{% macro forget_unapplied_changes() %}
    {%- if is_incremental() -%}
    delete from {{ this }} where batch > (select coalesce(max(batch), 0) from {{ stored_state('identity_labels') }} as labels)
    {%- endif -%}
{% endmacro %}
