{# Fails with every rule that grants by default on a legal basis that asks for a statement: it would grant nothing. #}
{% test defaults_rest_on_a_basis(model, bases) %}
select
    rules.regime,
    rules.purpose,
    rules.legal_basis
from {{ model }} as rules
inner join {{ bases }} as bases on rules.legal_basis = bases.legal_basis
where rules.default_status = 'granted' and not bases.may_be_default
{% endtest %}
