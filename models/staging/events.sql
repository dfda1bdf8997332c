-- Grain: one event, of every source pack.
-- An event carries the one identifier that its record is most certain of.
{{ used_rows('events') }}
