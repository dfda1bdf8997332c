-- Grain: one identifier of a record that a source pack brought, used or held back. Models read `identifiers`: the rows
-- without a reason in held_because.
{{ check_contract('identifiers') }}
