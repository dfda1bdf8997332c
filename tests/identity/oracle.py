"""What the identity models must say, worked out the slow way: everything from the start, one pair after the other."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations

Identifier = tuple[str, str]


@dataclass(frozen=True)
class Record:
    """One record of a source: the identifiers that it names, and when."""

    name: str
    identifiers: tuple[Identifier, ...]
    seen_at: datetime


@dataclass
class Oracle:
    """Remembers nothing but the numbers that it gave out; the rest follows from the records."""

    shared_above: Mapping[str, Mapping[str, int]]
    blocked: Collection[Identifier] = ()
    numbers: dict[Identifier, int] = field(default_factory=dict)

    def people(self, records: Collection[Record]) -> dict[Identifier, str]:
        """The profile id of every identifier that a record names."""
        first_seen: dict[Identifier, datetime] = {}
        for record in records:
            for identifier in record.identifiers:
                if identifier not in self.blocked:
                    first_seen[identifier] = min(first_seen.get(identifier, record.seen_at), record.seen_at)
        for identifier in sorted(first_seen.keys() - self.numbers.keys(), key=lambda each: (first_seen[each], each)):
            self.numbers[identifier] = len(self.numbers) + 1

        pairs = {
            pair for record in records for pair in combinations(sorted(set(record.identifiers) - set(self.blocked)), 2)
        }
        shared = self._shared(pairs)
        parent = {identifier: identifier for identifier in first_seen}

        def find(identifier: Identifier) -> Identifier:
            while parent[identifier] != identifier:
                parent[identifier] = parent[parent[identifier]]
                identifier = parent[identifier]
            return identifier

        for left, right in pairs:
            if left not in shared and right not in shared:
                older, newer = sorted((find(left), find(right)), key=self.numbers.__getitem__)
                parent[newer] = older
        return {identifier: profile_id(self.numbers[find(identifier)]) for identifier in first_seen}

    def _shared(self, pairs: set[tuple[Identifier, Identifier]]) -> set[Identifier]:
        neighbours: dict[tuple[Identifier, str], set[Identifier]] = defaultdict(set)
        for left, right in pairs:
            for mine, theirs in ((left, right), (right, left)):
                neighbours[mine, theirs[0]].add(theirs)
                neighbours[mine, "any"].add(theirs)
        return {
            mine
            for (mine, kind), theirs in neighbours.items()
            if len(theirs) > self.shared_above.get(mine[0], {}).get(kind, 10**9)
        }


def profile_id(number: int) -> str:
    """The profile id of the person whose oldest identifier has this number."""
    return hashlib.md5(f"weft:{number}".encode()).hexdigest()
