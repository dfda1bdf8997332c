"""Known markers in place of people and secrets, and a search that finds them wherever they were written."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

#: Stands in every invented address, name, key and secret, and nowhere else.
TOKEN = "zq7"
COUNT = 6

EMAILS = tuple(f"{TOKEN}person{number}@leak{number}.example.com" for number in range(COUNT))
NAMES = tuple(f"{TOKEN.title()}firstname{number}" for number in range(COUNT))
PHONES = tuple(f"+4930155977{number}" for number in range(COUNT))
KEYS = tuple(f"{TOKEN}key{number}" for number in range(COUNT))
SECRETS = {
    "klaviyo": f"pk_{TOKEN}secretklaviyo",
    "hubspot": f"pat-{TOKEN}secrethubspot",
    "meta": f"EAA{TOKEN}secretmeta",
}


def _hashed(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


#: What must not be found: the token itself, the phones' digits, and what advertisers' hashes of all of them look like.
NEEDLES = tuple(
    needle.encode()
    for needle in (
        TOKEN,
        *(phone.removeprefix("+") for phone in PHONES),
        *(_hashed(value) for value in (*EMAILS, *(name.lower() for name in NAMES), *KEYS)),
        *(_hashed(phone.removeprefix("+")) for phone in PHONES),
    )
)


def found_in(text: str | bytes) -> list[str]:
    """Return a short piece of text around every marker."""
    raw = (text.encode() if isinstance(text, str) else text).lower()
    pieces = []
    for needle in NEEDLES:
        at = raw.find(needle)
        while at >= 0:
            pieces.append(raw[max(at - 60, 0) : at + 60].decode(errors="replace"))
            at = raw.find(needle, at + len(needle))
    return pieces


def found_below(folder: Path, but: Iterable[Path] = ()) -> dict[str, list[str]]:
    """Search every file below a folder, and every text of every SQLite database, but for files below certain paths.

    Returns:
        The files that hold a marker, with a piece of text around each.
    """
    allowed = [path.resolve() for path in but]
    found = {}
    for file in sorted(folder.rglob("*")):
        if not file.is_file() or any(file.resolve().is_relative_to(path) for path in allowed):
            continue
        pieces = found_in(file.read_bytes())
        for value in sqlite_texts(file):
            pieces += found_in(value)
        if pieces:
            found[str(file.relative_to(folder))] = pieces
    return found


def sqlite_texts(file: Path) -> Iterator[bytes | str]:
    """Yield every text and blob of a SQLite database: a long one is in pieces all over the file. Nothing for others."""
    with file.open("rb") as opened:
        if opened.read(15) != b"SQLite format 3":
            return
    connection = sqlite3.connect(file)
    try:
        tables = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        for table in tables:
            for row in connection.execute(f'select * from "{table}"'):
                yield from (value for value in row if isinstance(value, (bytes, str)))
    finally:
        connection.close()
