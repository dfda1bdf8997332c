-- Grain: one event that a source pack brought, used or held back.
-- Models read `events`: the rows that have no reason in held_because.
{{ check_contract('events') }}
