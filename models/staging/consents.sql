-- Grain: one statement about one purpose by one identifier, of every source pack.
-- A history of statements: the latest one counts (models/consent).
{{ used_rows('consents') }}
