{# Fails with every blocked pattern that no value can match, because it is not in the form in which values are compared
   (lower case, no spaces around), and with patterns for `any` type that are no whole values: each would be compared with
   every identifier there is. #}
{% test patterns_can_match(model) %}
select
    identifier_type,
    value_pattern
from {{ model }}
where
    value_pattern <> lower(trim(value_pattern))
    or (identifier_type = 'any' and value_pattern <> replace(replace(value_pattern, '%', ''), '_', ''))
{% endtest %}
