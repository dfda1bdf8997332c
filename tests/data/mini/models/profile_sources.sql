select
    profile_id,
    'first_name' as attribute,
    'shop' as source,
    created_at as observed_at,
    'most_recent' as rule,
    1 as count_candidates
from {{ ref('profiles') }}
