-- Grain: one row per event, with the values that traits are computed from as columns. Amounts are
-- in the reporting currency (seed exchange_rates); a currency without a rate gives null, not a
-- wrong sum.
-- A view, which stores nothing twice. What reads few people has event_values read only their
-- events.
{{ event_values(ref('profile_events')) }}
