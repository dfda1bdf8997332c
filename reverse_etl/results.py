"""What a destination said of a window of rows, until it is committed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from sqlglot import exp

from reverse_etl.rows import Outcome, RowResult
from warehouse.base import Values

_TYPES = {
    "seq": "bigint",
    "batch_id": "bigint",
    "outcome": "varchar",
    "code": "varchar",
    "reason": "varchar",
    "job_id": "varchar",
    "destination_id": "varchar",
}
#: Outcomes that leave the state as it is, unless a job is over.
_SILENT = (Outcome.TRANSIENT, Outcome.INFO)

#: Batch, outcome, code, reason and job.
_Verdict: TypeAlias = tuple[int, Outcome, str, str, str | None]


@dataclass(slots=True)
class Answers:
    """What the destination said of a number of rows of one plan, not yet committed.

    Of most rows it says the same, so what it said is kept once, and a number for each row.

    Attributes:
        outcomes: How many rows have which outcome.
    """

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    _seqs: list[int] = field(default_factory=list)
    _said: list[int] = field(default_factory=list)
    _ids: list[str | None] = field(default_factory=list)
    _verdicts: list[_Verdict] = field(default_factory=list)
    _numbers: dict[_Verdict, int] = field(default_factory=dict)
    _doubtful: set[int] = field(default_factory=set)
    _keys: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._seqs)

    def add(self, batch: int, seqs: Iterable[int], results: Sequence[RowResult], *, doubt: bool = False) -> None:
        """Take in a batch's results.

        Args:
            batch: The batch's number within the run.
            seqs: The rows' places in the plan.
            results: What was said of each of them, in the same order.
            doubt: Whether rows to be tried again may have arrived in part, because the run broke off among the calls
                that the batch took.
        """
        if not results:
            return
        numbers, said, ids = self._numbers, self._said, self._ids
        before = len(said)
        for _, outcome, code, reason, job_id, destination_id in results:
            verdict = (batch, outcome, code, reason, job_id)
            number = numbers.get(verdict)
            if number is None:
                number = numbers[verdict] = len(numbers)
                self._verdicts.append(verdict)
            said.append(number)
            ids.append(destination_id)
        self._seqs.extend(seqs)
        for number, rows in Counter(said[before:]).items():
            self.outcomes[self._verdicts[number][1]] += rows
        keys = [result[0] for result in results]
        self._keys += (min(keys), max(keys))
        if doubt:
            self._doubtful.add(batch)

    def soften(self) -> None:
        """Turn refusals into rows to be tried again: the fault was not theirs."""
        self._verdicts = [
            (batch, Outcome.TRANSIENT if outcome is Outcome.PERMANENT else outcome, code, reason, job_id)
            for batch, outcome, code, reason, job_id in self._verdicts
        ]
        self.outcomes[Outcome.TRANSIENT] += self.outcomes.pop(Outcome.PERMANENT, 0)

    @property
    def changes_state(self) -> bool:
        """Whether anything of it makes the state another."""
        return bool(self._doubtful) or any(outcome not in _SILENT for outcome in self.outcomes)

    def values(self) -> Values:
        """Return the answers as the ledger's insert reads them."""
        batches, outcomes, codes, reasons, jobs = zip(*self._verdicts, strict=True)
        said = (batches, [str(outcome) for outcome in outcomes], codes, reasons, jobs)
        return Values(_TYPES, (self._seqs, *([told[number] for number in self._said] for told in said), self._ids))

    def bounds(self) -> dict[str, object]:
        """Return where in plan, ledger and state its rows are."""
        batches = {verdict[0] for verdict in self._verdicts}
        doubtful = (
            exp.column("outcome").eq(str(Outcome.TRANSIENT)).and_(exp.column("batch_id").isin(*sorted(self._doubtful)))
        )
        return {
            "first_seq": min(self._seqs),
            "last_seq": max(self._seqs),
            "first_batch": min(batches),
            "last_batch": max(batches),
            "first_key": min(self._keys),
            "last_key": max(self._keys),
            "is_doubtful": exp.paren(doubtful) if self._doubtful else exp.false(),
        }
