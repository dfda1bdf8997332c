select 'win_back' as segment, profile_id, created_at as entered_at from {{ ref('profiles') }}
