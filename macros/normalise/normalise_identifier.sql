{# An identifier in the form that its type's rule asks for (var `identity_rules`); null where it cannot be one of the type.

   Staging calls this for every identifier, wherever a contract names one, so that a changed rule changes all of them. It
   stands where a record is read and not in record_identifiers, because traits, events, consents and erasures name the
   same columns and have to agree, and because only the record knows its country. The test identifiers_are_normalised
   finds what a pack forgot.

   value: an SQL expression, best a plain column. country: for phone numbers, see normalise_phone. #}
{% macro normalise_identifier(identifier_type, value, country='cast(null as varchar)') -%}
    {%- set normaliser = normaliser_of(identifier_type) -%}
    {%- if normaliser == 'text' -%} {{ normalise_text(value) }}
    {%- elif normaliser == 'user_id' -%} {{ normalise_user_id(value) }}
    {%- elif normaliser == 'email' -%} {{ normalise_email(value) }}
    {%- elif normaliser == 'email_gmail' -%} {{ normalise_email(value, fold_gmail=true) }}
    {%- elif normaliser == 'email_untagged' -%} {{ normalise_email(value, fold_tags=true) }}
    {%- elif normaliser == 'phone' -%} {{ normalise_phone(value, country) }}
    {%- elif normaliser == 'device_id' -%} {{ normalise_device_id(value) }}
    {%- elif normaliser == 'name' -%} {{ normalise_name(value) }}
    {%- else -%}
        {{ exceptions.raise_compiler_error(
            'dbt_project.yml, vars: identity_rules: ' ~ identifier_type ~ ' has the normaliser ' ~ normaliser
            ~ '; there are ' ~ normalisers() | join(', ')
        ) }}
    {%- endif -%}
{%- endmacro %}
