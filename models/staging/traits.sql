-- Grain: one trait of one identifier, as one source knows it, of every source pack.
-- What a source does not know is absent, not null.
{{ used_rows('traits') }}
