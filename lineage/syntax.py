"""What the syntax of SQL alone tells: the parts of an expression, and what conditions and paths into JSON name."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.errors import SqlglotError


def children(node: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the expressions that an expression is made of."""
    for child in node.iter_expressions():
        if not isinstance(child, exp.DataType | exp.Identifier | exp.JSONPath):
            yield child


def equalities(condition: exp.Expr | None) -> Iterator[tuple[exp.Column, frozenset[str]]]:
    """Yield the columns that a condition holds to certain texts, with those."""
    for part in condition.flatten() if isinstance(condition, exp.And) else [condition]:
        bare = part.unnest() if isinstance(part, exp.Paren) else part
        if isinstance(bare, exp.And):
            yield from equalities(bare)
        elif isinstance(bare, exp.EQ):
            for one, other in ((bare.this, bare.expression), (bare.expression, bare.this)):
                if isinstance(one, exp.Column) and isinstance(other, exp.Literal) and other.is_string:
                    yield one, frozenset({other.name})
        elif isinstance(bare, exp.In) and isinstance(bare.this, exp.Column) and bare.expressions:
            texts = [one.name for one in bare.expressions if isinstance(one, exp.Literal) and one.is_string]
            if len(texts) == len(bare.expressions):
                yield bare.this, frozenset(texts)


def pairs(node: exp.Expr) -> list[tuple[str, exp.Expr]] | None:
    """Return the fields of an object and their values, if their names are written in the query."""
    given = list(node.expressions)
    if given and all(isinstance(one, exp.JSONKeyValue | exp.PropertyEQ) for one in given):
        return [(one.this.name, one.expression) for one in given]
    if len(given) % 2 == 0 and all(isinstance(one, exp.Literal) for one in given[::2]):
        return [(name.name, content) for name, content in zip(given[::2], given[1::2], strict=True)]
    return None


def place_in_list(number: int) -> str:
    """Return the name of a place in a list, which sqlglot counts from 0 in every dialect."""
    return f"[{number}]"


def field_of(path: exp.Expr | None) -> str | None:
    """Return the first field of a path into JSON, as far as it is a field."""
    if isinstance(path, exp.Literal) and path.is_string:
        return path.name.removeprefix("$.").split(".")[0].strip('"') or None
    keys = list(path.find_all(exp.JSONPathKey)) if isinstance(path, exp.JSONPath) else []
    return keys[0].name if keys and isinstance(keys[0].this, str) else None


def name_of_item(item: exp.Expr) -> str:
    """Return the name of a column that is selected."""
    named = item.alias_or_name if isinstance(item, exp.Alias | exp.Column | exp.Dot) else ""
    return (named or item.sql()).lower()


def where_it_stopped(error: SqlglotError) -> str:
    """Return where a parser stopped, and what it expected, without the SQL around it."""
    found = getattr(error, "errors", None) or [{}]
    described, line = found[0].get("description"), found[0].get("line")
    return f"{described or type(error).__name__}{f', line {line} of the compiled SQL' if line else ''}"
