-- Grain: one order that was reviewed, with its worst score: one to five.
with

reviews as (
    select
        order_id,
        {{ typed('review_score', 'bigint') }} as score,
        {{ typed('review_answer_timestamp', dbt.type_timestamp()) }} as reviewed_at
    from {{ source('raw_olist', 'olist_order_reviews_dataset') }}
),

final as (
    select
        order_id,
        score,
        reviewed_at
    from reviews
    where score is not null and reviewed_at is not null
    qualify row_number() over (partition by order_id order by score, reviewed_at) = 1
)

select * from final
