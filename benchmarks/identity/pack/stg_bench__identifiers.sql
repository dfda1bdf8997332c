-- Grain: one identifier of one record of the invented graph that benchmarks/identity/run.py wrote.
select source, record_id, identifier_type, identifier_value, observed_at
from read_parquet('{{ env_var("WEFT_RAW") }}/identifiers.parquet')
