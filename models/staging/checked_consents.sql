-- Grain: one statement about a purpose that a source pack brought, used or held back. Models read `consents`: the rows
-- without a reason in held_because.
{{ check_contract('consents') }}
