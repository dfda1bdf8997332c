select
    profile_id,
    'email_marketing' as purpose,
    case when first_name = 'Eve' then 'denied' else 'granted' end as status,
    created_at as decided_at
from {{ ref('profiles') }}
