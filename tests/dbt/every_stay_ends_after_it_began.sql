-- A closed stay has an end that is not before its beginning, and a reason; an open one has neither.
select *
from {{ ref('segment_history') }}
where
    exited_at < entered_at
    or (exited_at is null and reason is not null)
    or (exited_at is not null and reason is null)
