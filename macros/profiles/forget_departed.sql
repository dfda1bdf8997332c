{# Takes out of the traits whoever is no more in profiles: merged, erased, or mentioned by nobody. #}
{% macro forget_departed() %}
    {%- if is_incremental() -%}
    delete from {{ this }} where profile_id not in (select profiles.profile_id from {{ ref('profiles') }} as profiles)
    {%- endif -%}
{% endmacro %}
