select
    'email' as identifier_type,
    'nobody@example.com' as identifier_value,
    cast(null as varchar) as profile_id,
    'hard_bounce' as reason,
    cast('2026-01-01' as timestamp) as suppressed_at
