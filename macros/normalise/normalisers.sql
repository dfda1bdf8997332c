{# The normalisers that a rule of var `identity_rules` may name. normalise_identifier says what each is. #}
{% macro normalisers() %}
    {{ return(['text', 'user_id', 'email', 'email_gmail', 'email_untagged', 'phone', 'device_id', 'name']) }}
{% endmacro %}
