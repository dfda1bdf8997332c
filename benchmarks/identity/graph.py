"""The graph that the identity benchmarks solve, written as the records of an invented shop.

A person has 2 to 8 identifiers: an account and devices. Seven in ten hang as a star on the account, three in ten form a
random tree, and three in ten links have a second one beside them. Some thousand people at a time share one device (a
hub) or were merged one into the other (a merge tree): components of ten thousand identifiers. One till has more
accounts than any rule allows. Every record is one link and names two identifiers of about 45 characters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

#: Links per person: four on average, and three in ten again.
LINKS = 5.2

_PEOPLE = """
create or replace temp table links as
with people as (
    select person, 2 + hash(person) % 7 as identifiers, hash(person, 'shape') % 10 < 7 as is_star
    from range($first, $last) as numbers(person)
),

tree as (
    select person, identifiers, link, case when is_star then 0 else hash(person, link) % link end as other
    from people, range(1, 8) as numbers(link)
    where link < identifiers
),

extra as (
    select person, identifiers, link, hash(person, link, 'extra') % identifiers as one
    from tree
    where hash(person, link, 'is extra') % 10 < 3
)

select person || ':' || link as record, person, link as one, person as with_person, other from tree
union all
select
    person || ':extra:' || link,
    person,
    one,
    person,
    (one + 1 + hash(person, link, 'other') % (identifiers - 1)) % identifiers
from extra
"""

# Components of ten thousand identifiers: people of neighbouring numbers, who meet on one device or were merged.
_LARGE = """
insert into links
select 'hub:' || person, person, 0, -1 - person // $size, -1
from range($hubs * $size) as numbers(person)
union all
select 'tree:' || person, person, 0, $hubs * $size + number // $size * $size + hash(person) % (number % $size), 0
from (select number, $hubs * $size + number as person from range($trees * $size) as numbers(number))
where number % $size > 0
union all
select 'till:' || person, person, 0, -1, -2
from range($till) as numbers(person)
"""

# What a day brings besides new people: known people with another device, and now and then two of them on one device.
_NEWS = """
insert into links
select
    $day || ':device:' || number,
    hash($day, number) % $known,
    0,
    hash($day, number) % $known,
    cast($day as bigint) * 1000000000 + number
from range($devices) as numbers(number)
union all
select
    $day || ':meeting:' || number, hash($day, number, 'one') % $known, 1, hash($day, number, 'other') % $known, 1
from range($meetings) as numbers(number)
"""

_MENTIONS = """
copy (
    with ends as (
        select record, person, one as identifier from links
        union all
        select record, with_person, other from links
    )

    select
        'bench' as source,
        record as record_id,
        case when identifier = 0 then 'user_id' else 'anonymous_id' end as identifier_type,
        case when identifier = 0 then 'shop-customer-' else 'web-device-' end || md5(person || '-' || identifier)
            as identifier_value,
        timestamp '2026-01-01' + interval 1 second * (cast($day as bigint) * 40000000 + hash(record) % 30000000)
            as observed_at
    from ends
) to '{file}' (format parquet)
"""


@dataclass(frozen=True, slots=True)
class Graph:
    """How large a graph is asked for.

    Attributes:
        edges: The links of the first load, roughly.
    """

    edges: int

    @property
    def people(self) -> int:
        """How many people the first load has."""
        return max(60, round(self.edges / LINKS))

    @property
    def together(self) -> int:
        """How many people a large component joins."""
        return max(20, min(2000, self.people // 20))

    @property
    def large(self) -> int:
        """How many hubs there are, and how many merge trees."""
        return max(1, self.edges // 1_000_000)

    def rules(self, limit: int | None = None) -> dict[str, object]:
        """Returns the identity rules: a hub is allowed, a till is not; with a limit, so many accounts a person."""
        highest = self.together + self.together // 2
        account: dict[str, object] = {"priority": 10, "degree_limit": highest}
        if limit is not None:
            account["limit"] = limit
        return {
            "user_id": account,
            "anonymous_id": {"priority": 90, "degree_limit": highest},
            "default": {"priority": 50, "degree_limit": 1000},
        }

    def write(self, raw: Path) -> None:
        """Writes the records of the first load into an empty folder."""
        with duckdb.connect() as connection:
            connection.execute(_PEOPLE, {"first": 0, "last": self.people})
            counts = {"hubs": self.large, "trees": self.large, "size": self.together, "till": 2 * self.together}
            connection.execute(_LARGE, counts)
            _save(connection, raw, 0)

    def add(self, raw: Path, day: int, share: float, known: int) -> int:
        """Writes what a later day adds.

        Args:
            raw: The folder of the records.
            day: A number that no day before it had.
            share: How many links it adds, as a share of the first load's.
            known: How many people there are already.

        Returns:
            How many people there are now.
        """
        links = round(self.edges * share)
        meetings = max(1, links * 7 // 1000)
        after = known + round((links / 2 - meetings) / LINKS)
        with duckdb.connect() as connection:
            connection.execute(_PEOPLE, {"first": known, "last": after})
            connection.execute(_NEWS, {"day": day, "known": known, "devices": max(1, links // 2), "meetings": meetings})
            _save(connection, raw, day)
        return after


def withdraw(raw: Path, one_in: int) -> None:
    """Takes one in so many records out of all files."""
    with duckdb.connect() as connection:
        for file in records(raw):
            kept = file.with_suffix(".kept")
            connection.execute(
                f"copy (from '{file}' where hash(record_id, 'withdrawn') % $one_in <> 0) to '{kept}' (format parquet)",
                {"one_in": one_in},
            )
            kept.replace(file)


def records(raw: Path) -> Iterator[Path]:
    """The files of a folder, one for each day."""
    yield from sorted(raw.glob("*.parquet"))


def publish(raw: Path, database: Path) -> None:
    """Shows the records of a folder as the table that the pack reads."""
    show(f"{raw}/*.parquet", database)


def show(files: str, database: Path) -> None:
    """Shows Parquet files as the table that the pack reads."""
    with duckdb.connect(str(database)) as connection:
        connection.execute("create schema if not exists raw_bench")
        connection.execute(f"create or replace view raw_bench.identifiers as from read_parquet('{files}')")


def _save(connection: duckdb.DuckDBPyConnection, raw: Path, day: int) -> None:
    raw.mkdir(parents=True, exist_ok=True)
    connection.execute(_MENTIONS.format(file=raw / f"day_{day}.parquet"), {"day": day})
