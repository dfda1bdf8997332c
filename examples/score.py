"""How right the persons of an example are, pair by pair, against an answer that no model read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb


@dataclass(frozen=True)
class Score:
    """Pairs of records, counted.

    Attributes:
        records: Records that the truth knows.
        persons_true: Persons according to the truth.
        persons_found: Persons according to identity.
        pairs_true: Pairs of records that belong together.
        pairs_found: Pairs of records that identity put together.
        pairs_right: Pairs that are both.
    """

    records: int
    persons_true: int
    persons_found: int
    pairs_true: int
    pairs_found: int
    pairs_right: int

    @property
    def precision(self) -> float | None:
        """The share of found pairs that are right; none where nothing was put together."""
        return self.pairs_right / self.pairs_found if self.pairs_found else None

    @property
    def recall(self) -> float | None:
        """The share of true pairs that were found."""
        return self.pairs_right / self.pairs_true if self.pairs_true else None

    def to_dict(self) -> dict[str, Any]:
        """Return the counts and both shares."""
        return {**asdict(self), "precision": self.precision, "recall": self.recall}

    def lines(self) -> list[tuple[str, str]]:
        """Return the score as a person reads it."""
        return [
            ("records", f"{self.records:,}"),
            ("persons, true / found", f"{self.persons_true:,} / {self.persons_found:,}"),
            ("pairs that belong together", f"{self.pairs_true:,}"),
            ("pairs put together, right / wrong", f"{self.pairs_right:,} / {self.pairs_found - self.pairs_right:,}"),
            ("precision, recall", f"{_share(self.precision)}, {_share(self.recall)}"),
        ]


def score(connection: duckdb.DuckDBPyConnection, data: Path, truth: Mapping[str, str]) -> Score:
    """Compare identity_map with a file that knows better.

    Args:
        connection: The example's warehouse.
        data: The folder of the file.
        truth: ``file``, ``record`` and ``person`` (its columns), and the ``identifier_type`` that a record's id has.
    """
    answer = connection.from_csv_auto(str(data / truth["file"]), header=True, all_varchar=True)
    connection.register("answer", answer.project(f'"{truth["record"]}" as record_id, "{truth["person"]}" as person_id'))
    row = connection.execute(
        """
        with labelled as (
            select answer.record_id, answer.person_id, identity_map.profile_id
            from answer
            inner join weft_identity.identity_map
                on identity_map.identifier_type = ? and answer.record_id = identity_map.identifier_value
        ),
        by_person as (select count(*) as n from labelled group by person_id),
        by_profile as (select count(*) as n from labelled group by profile_id),
        by_both as (select count(*) as n from labelled group by person_id, profile_id)
        select
            (select count(*) from labelled),
            (select count(*) from by_person),
            (select count(*) from by_profile),
            (select cast(sum(n * (n - 1) / 2) as bigint) from by_person),
            (select cast(sum(n * (n - 1) / 2) as bigint) from by_profile),
            (select cast(sum(n * (n - 1) / 2) as bigint) from by_both)
        """,
        [truth["identifier_type"]],
    ).fetchall()[0]
    return Score(*row)


def _share(share: float | None) -> str:
    return "none" if share is None else f"{share:.1%}"
