-- Grain: one trait that a source pack brought, used or held back.
-- Models read `traits`: the rows that have no reason in held_because.
{{ check_contract('traits') }}
