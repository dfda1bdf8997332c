select 'former' as former_profile_id, profile_id
from {{ ref('profiles') }}
where first_name = 'Ada'
