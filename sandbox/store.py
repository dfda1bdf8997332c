"""What the simulated accounts hold, in one SQLite file, so that it outlives a restart."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import orjson

SCHEMA = """
create table if not exists lists (
    account text, id text, name text, created_at real, flagged integer default 0, primary key (account, id));
create table if not exists records (
    account text, id text, email text, phone text, external_id text, data text, created_at real, updated_at real,
    primary key (account, id));
create index if not exists records_email on records (account, email) where email <> '';
create index if not exists records_phone on records (account, phone) where phone <> '';
create index if not exists records_external on records (account, external_id) where external_id <> '';
create table if not exists members (
    account text, list_id text, member_id text, data text, added_at real, primary key (account, list_id, member_id)
) without rowid;
create table if not exists history (
    at real, account text, list_id text, added integer, changed integer, removed integer);
create table if not exists calls (
    id integer primary key, at real, account text, method text, path text, status integer, rows integer, ms real);
create table if not exists refusals (
    at real, account text, path text, code text, reason text, rows integer);
create table if not exists jobs (
    id text primary key, account text, created_at real, started_at real, due_at real, finished_at real, status text,
    total integer, payload text, result text);
create table if not exists blocked (account text, value text, reason text, primary key (account, value));
create table if not exists aliases (account text, value text, record_id text, primary key (account, value));
create table if not exists counters (name text primary key, value integer);
"""


class Record(NamedTuple):
    """A profile or contact, and what it can be found by.

    Attributes:
        id: Its id at the vendor.
        data: All that it has.
    """

    id: str
    data: dict[str, Any]
    email: str = ""
    phone: str = ""
    external_id: str = ""


class Store:
    """One SQLite database behind a lock: the server's thread and a test's thread both use it.

    Args:
        path: A file, or ``:memory:``.
    """

    def __init__(self, path: str) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = normal")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def clear(self) -> None:
        """Forget everything."""
        with self.transaction():
            for table in self.query("select name from sqlite_master where type = 'table'"):
                self.execute(f"delete from {table['name']}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything inside at once, or nothing."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("begin immediate")
            try:
                yield
            except BaseException:
                self._db.execute("rollback")
                raise
            self._db.execute("commit")

    def query(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        """Return all rows as dictionaries."""
        with self._lock:
            return [dict(row) for row in self._db.execute(sql, params).fetchall()]

    def one(self, sql: str, *params: Any) -> dict[str, Any] | None:
        """Return the first row, or ``None``."""
        with self._lock:
            row = self._db.execute(sql, params).fetchone()
        return dict(row) if row else None

    def exactly_one(self, sql: str, *params: Any) -> dict[str, Any]:
        """Return the first row.

        Raises:
            LookupError: There is none.
        """
        row = self.one(sql, *params)
        if row is None:
            raise LookupError("no such row")
        return row

    def execute(self, sql: str, *params: Any) -> int:
        """Run one statement and return the number of rows that it touched."""
        with self._lock:
            return self._db.execute(sql, params).rowcount

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run one statement for many rows and return the number of rows that it touched in all."""
        if not rows:
            return 0
        with self._lock:
            return self._db.executemany(sql, rows).rowcount

    def next_number(self, name: str, start: int) -> int:
        """Return the next number of a sequence that never repeats, also after a restart."""
        row = self.exactly_one(
            "insert into counters values (?, ?) on conflict (name) do update set value = value + 1 returning value",
            name,
            start,
        )
        return int(row["value"])

    # lists and their members

    def create_list(self, account: str, list_id: str, name: str) -> None:
        """Create a list unless it is there."""
        self.execute(
            "insert or ignore into lists (account, id, name, created_at) values (?, ?, ?, ?)",
            account,
            list_id,
            name,
            time.time(),
        )

    def get_list(self, account: str, list_id: str) -> dict[str, Any] | None:
        """Return one list, or ``None``."""
        return self.one("select * from lists where account = ? and id = ?", account, list_id)

    def count_members(self, account: str, list_id: str) -> int:
        """Return how many members a list has."""
        row = self.one("select count(*) as n from members where account = ? and list_id = ?", account, list_id)
        return int(row["n"]) if row else 0

    def add_members(self, account: str, list_id: str, members: Iterable[tuple[str, dict[str, Any] | None]]) -> int:
        """Add members, or change the data of those that are there; return how many were new."""
        now = time.time()
        rows = [(account, list_id, member_id, encode(data), now) for member_id, data in members]
        changed = 0
        with self.transaction():
            added = self.execute_many("insert into members values (?, ?, ?, ?, ?) on conflict do nothing", rows)
            if added < len(rows):
                changed = self.execute_many(
                    "update members set data = ? where account = ? and list_id = ? and member_id = ? and data is not ?",
                    [(row[3], *row[:4]) for row in rows],
                )
            self._remember(account, list_id, added, changed, 0)
        return added

    def remove_members(self, account: str, list_id: str, member_ids: Iterable[str]) -> int:
        """Remove members and return how many were there."""
        with self.transaction():
            removed = self.execute_many(
                "delete from members where account = ? and list_id = ? and member_id = ?",
                [(account, list_id, member_id) for member_id in member_ids],
            )
            self._remember(account, list_id, 0, 0, removed)
        return removed

    def note_changes(self, account: str, list_id: str, changed: int) -> None:
        """Add changed records to a list's history (their data is kept in ``records``)."""
        self._remember(account, list_id, 0, changed, 0)

    def _remember(self, account: str, list_id: str, added: int, changed: int, removed: int) -> None:
        if added or changed or removed:
            self.execute(
                "insert into history values (?, ?, ?, ?, ?, ?)", time.time(), account, list_id, added, changed, removed
            )

    # records: profiles and contacts

    def find_record(
        self, account: str, *, record_id: str = "", email: str = "", phone: str = "", external_id: str = ""
    ) -> dict[str, Any] | None:
        """Return the record that the first given identifier names, its ``data`` decoded."""
        for column, value in (("id", record_id), ("email", email), ("phone", phone), ("external_id", external_id)):
            if value:
                row = self.one(
                    f"select * from records where account = ? and {column} = ? and {column} <> ''", account, value
                )
                if row is not None:
                    return decode(row)
        return None

    def find_records(self, account: str, by: str, values: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the records that any of these values names, by the value, their ``data`` decoded.

        Args:
            account: Whose records.
            by: ``id``, ``email``, ``phone`` or ``external_id``.
            values: What to look for; an empty one names nobody.
        """
        wanted = encode([value for value in values if value])
        sql = f"select * from records where account = ? and {by} in (select value from json_each(?)) and {by} <> ''"
        return {row[by]: decode(row) for row in self.query(sql, account, wanted)}

    def get_record(self, account: str, record_id: str) -> dict[str, Any]:
        """Return the record with this id, which is known to be there."""
        row = self.exactly_one("select * from records where account = ? and id = ?", account, record_id)
        return decode(row)

    def put_record(
        self, account: str, record_id: str, data: dict[str, Any], *, email: str, phone: str = "", external_id: str = ""
    ) -> None:
        """Write a record whole."""
        self.put_records(account, [Record(record_id, data, email, phone, external_id)])

    def put_records(self, account: str, records: Iterable[Record]) -> None:
        """Write records whole, the later of two with the same id last."""
        now = time.time()
        self.execute_many(
            """insert into records values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (account, id) do update set
            email = excluded.email, phone = excluded.phone, external_id = excluded.external_id, data = excluded.data,
            updated_at = excluded.updated_at""",
            [(account, one.id, one.email, one.phone, one.external_id, encode(one.data), now, now) for one in records],
        )

    def delete_record(self, account: str, record_id: str) -> None:
        """Delete a record, its memberships and its further names."""
        self.execute("delete from aliases where account = ? and record_id = ?", account, record_id)
        for row in self.query("select list_id from members where account = ? and member_id = ?", account, record_id):
            self.remove_members(account, row["list_id"], [record_id])
        self.execute("delete from records where account = ? and id = ?", account, record_id)

    def records(self, account: str, after: str = "", limit: int = -1) -> list[dict[str, Any]]:
        """Return records in the order of their ids, their ``data`` decoded."""
        rows = self.query(
            "select * from records where account = ? and id > ? order by id limit ?", account, after, limit
        )
        return [decode(row) for row in rows]

    def members(self, account: str, list_id: str, after: str = "", limit: int = -1) -> list[dict[str, Any]]:
        """Return a list's members in the order of their ids, with the data of the member or of its record."""
        rows = self.query(
            """select m.member_id, m.added_at, coalesce(m.data, r.data) as data, r.created_at, r.updated_at
            from members as m left join records as r on r.account = m.account and r.id = m.member_id
            where m.account = ? and m.list_id = ? and m.member_id > ? order by m.member_id limit ?""",
            account,
            list_id,
            after,
            limit,
        )
        return [decode(row) for row in rows]

    def find_members(self, account: str, list_id: str, member_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return which of these are members of a list, by id, with the data of the member."""
        rows = self.query(
            """select member_id, data from members
            where account = ? and list_id = ? and member_id in (select value from json_each(?))""",
            account,
            list_id,
            encode(list(member_ids)),
        )
        return {row["member_id"]: decode(row)["data"] for row in rows}

    # what happened

    def note_call(self, account: str, method: str, path: str, status: int, rows: int, ms: float) -> None:
        """Write down one call: never its body, its query or its headers."""
        self.execute(
            "insert into calls (at, account, method, path, status, rows, ms) values (?, ?, ?, ?, ?, ?, ?)",
            time.time(),
            account,
            method,
            path,
            status,
            rows,
            ms,
        )

    def note_refusal(self, account: str, path: str, code: str, reason: str, rows: int = 1) -> None:
        """Write down that a call or rows of it were refused."""
        self.execute("insert into refusals values (?, ?, ?, ?, ?, ?)", time.time(), account, path, code, reason, rows)

    def history(self, account: str, list_id: str | None = None) -> list[dict[str, Any]]:
        """Return a list's adds, changes and removals, oldest first."""
        sql = "select * from history where account = ? and (? is null or list_id = ?) order by at, rowid"
        return self.query(sql, account, list_id, list_id)


def encode(data: Any) -> str | None:
    """Return data as the text that is kept of it: the same for the same data, whatever its order."""
    return None if data is None else orjson.dumps(data, option=orjson.OPT_SORT_KEYS).decode()


def decode(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its ``data`` decoded; empty where it has none."""
    row["data"] = orjson.loads(row["data"] or "{}")
    return row


def decode_all(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the ``data`` of rows."""
    return [dict(row["data"]) for row in rows]
