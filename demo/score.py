"""How well identities were resolved, pair by pair, against a truth that no model reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from warehouse.base import Warehouse

#: The most certain identifier of a record says which profile it went to.
PRIORITY = ("user_id", "loyalty_id", "hubspot_id", "klaviyo_id", "zendesk_id", "email", "phone", "anonymous_id")

_SCORE = """
with truth as (
    select distinct source, table_name || ':' || raw_id as record_id, person_id from read_parquet(?)
),

-- An order of a logged-in customer, say, has nothing to resolve: it names its account.
records as (
    select truth.*
    from truth
    semi join {identifiers} as identifiers
        on truth.source = identifiers.source and truth.record_id = identifiers.record_id
),

placed as (
    select
        identifiers.source,
        identifiers.record_id,
        arg_min(identity_map.profile_id, {priority}) as profile_id
    from {identifiers} as identifiers
    inner join {identity_map} as identity_map
        on identifiers.identifier_type = identity_map.identifier_type
        and identifiers.identifier_value = identity_map.identifier_value
    group by all
),

judged as (
    -- A record whose every identifier is blocked stands alone.
    select
        records.person_id,
        coalesce(placed.profile_id, records.source || records.record_id) as profile_id,
        count(*) as records
    from records
    left join placed on records.source = placed.source and records.record_id = placed.record_id
    group by all
),

pairs as (
    select
        (select sum(records * (records - 1) / 2) from judged) as right_pairs,
        (select sum(n * (n - 1) / 2) from (select sum(records) as n from judged group by profile_id)) as made_pairs,
        (select sum(n * (n - 1) / 2) from (select sum(records) as n from judged group by person_id)) as true_pairs
)

select
    (select count(*) from records) as records,
    (select count(distinct person_id) from records) as persons,
    coalesce(right_pairs / nullif(made_pairs, 0), 1) as pair_precision,
    coalesce(right_pairs / nullif(true_pairs, 0), 1) as pair_recall
from pairs
"""


@dataclass(frozen=True, slots=True)
class Score:
    """How well identities were resolved, over all pairs of records.

    Attributes:
        records: Raw records that identify somebody.
        persons: True persons behind them.
        precision: Share of the pairs put into one profile that are one person.
        recall: Share of the pairs of one person that were put into one profile.
    """

    records: int
    persons: int
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def score(
    warehouse: Warehouse, identifiers: str, identity_map: str, truth: str, priority: Sequence[str] = PRIORITY
) -> Score:
    """Compares the identity map with the truth.

    Args:
        warehouse: An open connection to DuckDB.
        identifiers: The table of the identifiers that records name.
        identity_map: The table of whose they are.
        truth: The Parquet files of the truth: source, table_name, raw_id and person_id.
        priority: Types of identifiers, the most certain first; others come after them.
    """
    order = " ".join(f"when '{kind}' then {number}" for number, kind in enumerate(priority))
    sql = _SCORE.format(
        priority=f"case identifiers.identifier_type {order} else {len(priority)} end",
        identifiers=identifiers,
        identity_map=identity_map,
    )
    row = warehouse.query(sql, [truth])[0]
    return Score(row["records"], row["persons"], float(row["pair_precision"]), float(row["pair_recall"]))
