{# Takes out the former profile ids that a split has given back: their oldest identifier is its own person again. #}
{% macro forget_revived_aliases(labels) %}
    {%- if is_incremental() -%}
    delete from {{ this }}
    where former_profile_id in (
        select {{ profile_id('node_seq') }}
        from {{ labels }}
        where canonical_seq = node_seq and batch > {{ finished_batch() }}
    )
    {%- endif -%}
{% endmacro %}
