-- Grain: one trait of one household. The bands stay traits; a profile shows those that
-- profiles.yml declares.
with

households as (
    select * from {{ ref('stg_complete_journey__households') }}
),

final as (
    {{ record_traits(
        'households', 'complete_journey', "'loyalty_id'", 'household_id',
        {
            'country': 'country', 'age_band': 'age_band', 'income_band': 'income_band',
            'household_size': 'household_size',
        },
        'seen_at'
    ) }}
)

select * from final
