-- Grain: one identifier of one record that a source pack brought, used or held back.
-- Models read `identifiers`: the rows that have no reason in held_because.
{{ check_contract('identifiers') }}
