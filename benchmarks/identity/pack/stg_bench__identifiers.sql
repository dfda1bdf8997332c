-- Grain: one identifier of one record of the invented graph that benchmarks/identity/graph.py writes.
select
    source,
    record_id,
    identifier_type,
    identifier_value,
    observed_at
from raw_bench.identifiers
