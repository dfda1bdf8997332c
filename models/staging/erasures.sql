-- Grain: one identifier of one request to be forgotten, of every source pack.
-- A request names what its sender typed; the person behind it is found later.
{{ used_rows('erasures') }}
