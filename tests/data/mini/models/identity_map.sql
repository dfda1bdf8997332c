select
    'email' as identifier_type,
    email as identifier_value,
    profile_id,
    created_at as first_seen_at,
    created_at as last_seen_at
from {{ ref('profiles') }}
union all
select 'phone', '+49301234567', min(profile_id), min(created_at), min(created_at)
from {{ ref('profiles') }}
where first_name = 'Ada'
