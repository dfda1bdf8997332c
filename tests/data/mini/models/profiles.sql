select md5(cast(id as varchar)) as profile_id, lower(email) as email, first_name, created_at
from {{ source('raw_shop', 'customer') }}
