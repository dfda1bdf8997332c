select profile_id, email, first_name from {{ ref('profiles') }}
