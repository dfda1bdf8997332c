-- Grain: one identifier of a request to be forgotten that a source pack brought, used or held back.
-- Models read `erasures`: the rows that have no reason in held_because.
{{ check_contract('erasures') }}
