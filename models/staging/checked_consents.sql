-- Grain: one statement about a purpose that a source pack brought, used or held back.
-- Models read `consents`: the rows that have no reason in held_because.
{{ check_contract('consents') }}
