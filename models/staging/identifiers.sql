-- Grain: one identifier of one record, of every source pack.
-- All identifiers of a record belong to one person: that is what ties them together.
{{ used_rows('identifiers') }}
