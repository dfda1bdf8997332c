{# The normaliser of an identifier type: the one that its rule names; else the one that is called as the type is, so that
   an e-mail is never compared as it was typed; else that of the default rule; else plain text. #}
{% macro normaliser_of(identifier_type, rules=none) %}
    {% set rules = var('identity_rules') if rules is none else rules %}
    {% set rule = rules.get(identifier_type) %}
    {% set own = rule.get('normaliser') if rule is mapping else none %}
    {% set default = rules['default'].get('normaliser') if rules.get('default') is mapping else none %}
    {{ return(own or (identifier_type if identifier_type in normalisers() else default or 'text')) }}
{% endmacro %}
