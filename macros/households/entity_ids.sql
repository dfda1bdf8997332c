{# The public id of the household whose oldest person has this number. Other text than a profile_id's, so that the two
   never meet. #}
{% macro household_id(person_seq) -%}
    md5('weft:household:' || cast({{ person_seq }} as varchar))
{%- endmacro %}

{# The public id of the account whose oldest name or domain has this number. #}
{% macro account_id(key_seq) -%}
    md5('weft:account:' || cast({{ key_seq }} as varchar))
{%- endmacro %}
