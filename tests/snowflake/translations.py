"""The emulator's translations, kept: translating a statement takes longer than running it on the rows of a test.

dbt sends the same statements in every run, and the projects of one process differ in their database's name alone. Kept
is what depends on nothing but the statement's text and the database and schema that the session is in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fakesnow.cursor import FakeSnowflakeCursor
from sqlglot import exp

_KEPT = re.compile(
    r"(\s|/\*.*?\*/|--[^\n]*\n)*(select|with|insert|update|delete|merge|create|drop|describe|begin|commit|rollback)\b",
    re.I | re.S,
)
# What reads a session's variables, files or earlier results, or makes what a session is in from then on.
_NEVER = re.compile(r"\$|\bresult_scan\b|\bidentifier\s*\(|\b(database|schema|stage|format|sequence|user)\b", re.I)
_ANY_DATABASE = "\N{REPLACEMENT CHARACTER}"

Binding = Sequence[Any] | Mapping[str, Any] | None
Key = tuple[object, ...]


class Translations:
    """What the emulator made of statements, by their text without the database's name."""

    def __init__(self) -> None:
        self._known: dict[Key, tuple[str, list[exp.Expr]]] = {}

    def execute(self, cursor: FakeSnowflakeCursor, statement: str, binding: Binding) -> bool:
        """Executes a statement whose translation is known, and says whether it was."""
        key = _key(cursor, statement)
        if key is None or key not in self._known:
            return False
        database, translated = self._known[key]
        here = cursor._conn.database or ""
        for part in translated:
            moved = part if database == here else _moved(part, database, here)
            cursor._execute(moved, _given(binding) if moved.find(exp.Placeholder) else None)
        return True

    def keep(self, cursor: FakeSnowflakeCursor, statement: str, translated: list[exp.Expr]) -> None:
        """Keeps what the emulator made of a statement."""
        key = _key(cursor, statement)
        if key is not None:
            self._known[key] = cursor._conn.database or "", translated


def _key(cursor: FakeSnowflakeCursor, statement: str) -> Key | None:
    if not _KEPT.match(statement) or _NEVER.search(statement):
        return None
    session = cursor._conn
    if session.database is None:
        return None
    text = _word(session.database).sub(_ANY_DATABASE, statement)
    return text, session.database_set, session.schema_set, session.schema


def _given(binding: Binding) -> Any:
    return binding if isinstance(binding, dict) or binding is None else list(binding)


def _moved(translated: exp.Expr, database: str, to: str) -> exp.Expr:
    """The translation with another database's name wherever it has the one's."""
    copied, name = translated.copy(), _word(database)
    for node in copied.find_all(exp.Identifier, exp.Literal):
        node.set("this", name.sub(lambda found: to.lower() if found[0].islower() else to, node.this))
    return copied


def _word(name: str) -> re.Pattern[str]:
    return re.compile(rf"\b{re.escape(name)}\b", re.I)


def depends_on_tables(statement: exp.Expr) -> bool:
    """Whether the emulator looks up columns in order to translate, as for ``create table t (a int) as select *``."""
    if not isinstance(statement, exp.Create) or not isinstance(statement.this, exp.Schema):
        return False
    return statement.expression is not None and statement.expression.find(exp.Star) is not None
