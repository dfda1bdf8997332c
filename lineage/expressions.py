"""Where the value of an SQL expression comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from sqlglot import exp

from lineage.shapes import Branch, How, Origin, Value, as_one, narrowed, taken, together, untraced
from lineage.syntax import children, equalities, field_of, pairs, place_in_list

if TYPE_CHECKING:
    from lineage.queries import Reader

#: What a ``select`` reads, by its name there.
Environment: TypeAlias = "Mapping[str, Branch]"

#: Functions whose result is a hash of what they are given.
HASHES = (
    *(exp.MD5, exp.MD5Digest, exp.MD5NumberLower64, exp.MD5NumberUpper64),
    *(exp.SHA, exp.SHA1Digest, exp.SHA2, exp.SHA2Digest, exp.FarmFingerprint),
)
_HASH_NAMES = frozenset(
    {"hash", "md5_number", "sha1_hex", "sha2_hex", "sha256", "sha1_binary", "sha2_binary", "md5_hex"}
)
#: Functions whose result tells something of a value without holding it.
_COUNTS = (
    *(exp.Count, exp.CountIf, exp.ApproxDistinct, exp.Length, exp.LogicalAnd, exp.LogicalOr),
    *(exp.RowNumber, exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist, exp.Ntile),
)
_TESTS = (exp.Predicate, exp.Connector, exp.Not, exp.StartsWith, exp.EndsWith, exp.Contains, exp.RegexpFullMatch)
_WRAPPERS = (exp.Paren, exp.Alias, exp.IgnoreNulls, exp.RespectNulls, exp.Distinct)
_JSON_READERS = (exp.JSONExtract, exp.JSONExtractScalar, exp.JSONBExtract, exp.JSONBExtractScalar, exp.GetExtract)
_AS_JSON = frozenset({"to_variant", "to_json", "as_varchar", "try_parse_json"})
_OBJECTS = frozenset({"json_object", "object_construct", "object_construct_keep_null", "struct_pack"})


@dataclass
class Expressions:
    """Follows the expressions of one ``select``.

    Attributes:
        reader: Reads the queries inside expressions.
        environment: What the ``select`` reads.
        outer: The ``select`` around it, whose columns a correlated query may use.
        aliases: The columns that were selected so far, which both warehouses let others use.
        peers: What the ``select`` reads in each of its branches, whose rows a window sees beside its own.
        own: Which of them this one is.
        parameters: The parameters of a function that is written in the query.
    """

    reader: Reader
    environment: Environment
    outer: Expressions | None = None
    aliases: dict[str, Value] = field(default_factory=dict)
    peers: Sequence[Environment] = ()
    own: int = 0
    parameters: frozenset[str] = frozenset()

    def value(self, node: exp.Expr | None) -> Value:
        """Return where an expression's value comes from."""
        if node is None or isinstance(node, exp.DataType | exp.Star | exp.Var | exp.Null):
            return Value()
        if isinstance(node, exp.Literal | exp.Boolean):
            return Value(literals=frozenset({node.name if isinstance(node, exp.Literal) else str(node.this).lower()}))
        for kind, follow in _KINDS:
            if isinstance(node, kind):
                return follow(self, node)
        return self._function(node)

    def derived(self, nodes: Iterable[exp.Expr | None]) -> Value:
        """Return what is decided by expressions, whose values are not in it."""
        return together([self.value(node) for node in nodes]).at_least(How.DERIVED)

    def where(self, condition: exp.Expr | None) -> Expressions | None:
        """Return the same where a condition holds; nothing where it never does."""
        return _where_equal(self, equalities(condition))

    def _relation(self, column: exp.Column) -> str | None:
        if column.table:
            return column.table.lower() if column.table.lower() in self.environment else None
        known = [name for name, branch in self.environment.items() if column.name.lower() in branch.columns]
        if not known:
            known = [name for name, branch in self.environment.items() if branch.open]
        return known[0] if len(known) == 1 else None

    def _column(self, node: exp.Column) -> Value:
        name, table = node.name.lower(), node.table.lower()
        if isinstance(node.this, exp.Star):
            return as_whole(self.environment[table]) if table in self.environment else untraced(f"{table}.*")
        if not table:
            return self._unqualified(name)
        branch = self.environment.get(table)
        if branch is not None:
            found = branch.get(name) or branch.guessed(name)
            return found if found is not None else untraced(f"{table}.{name}, which {table} does not have")
        if self.outer is not None and table in self.outer.environment:
            return self.outer._column(node)
        # A field of a struct: the table is a column then.
        of = node.args.get("db")
        struct = self._unqualified((of or node.args["table"]).name.lower())
        return struct.converted()

    def _unqualified(self, name: str) -> Value:
        if name in self.parameters:
            return Value(literals=None)
        found = [branch.columns[name] for branch in self.environment.values() if name in branch.columns]
        if found:
            return together(found)
        if name in self.aliases:
            return self.aliases[name]
        guessed = [value for branch in self.environment.values() if (value := branch.guessed(name)) is not None]
        if guessed:
            return together(guessed)
        if name in self.environment:  # the whole row
            return as_whole(self.environment[name])
        if self.outer is not None:
            return self.outer._unqualified(name)
        return untraced(f"{name}, which nothing that is read has")

    def _case(self, node: exp.Case) -> Value:
        results, conditions = [self.value(node.args.get("default"))], []
        for branch in node.args["ifs"]:
            condition = (
                branch.this if node.this is None else exp.EQ(this=node.this.copy(), expression=branch.this.copy())
            )
            conditions.append(condition)
            there = self.where(condition)
            if there is not None:
                results.append(there.value(branch.args["true"]))
        return self._decided(results, conditions)

    def _if(self, node: exp.If) -> Value:
        there = self.where(node.this)
        results = [self.value(node.args.get("false"))]
        results += [there.value(node.args["true"])] if there is not None else []
        return self._decided(results, [node.this])

    def _decided(self, results: Sequence[Value], conditions: Sequence[exp.Expr]) -> Value:
        value = together(results)
        by = self.derived(conditions).origins
        if not by:
            return value
        return Value(value.origins | by, value.literals)

    def _cast(self, node: exp.Expr) -> Value:
        value = self.value(node.this)
        return (
            value if node.is_type(*exp.DataType.TEXT_TYPES) or value.literals is None else replace(value, literals=None)
        )

    def _coalesce(self, node: exp.Expr) -> Value:
        return together([self.value(part) for part in (node.this, *node.expressions)])

    def _nullif(self, node: exp.Expr) -> Value:
        value = self.value(node.this)
        return Value(value.origins | self.derived([node.expression]).origins, value.literals)

    def _window(self, node: exp.Window) -> Value:
        order, partition = node.args.get("order"), node.args.get("partition_by") or ()
        by = self.derived([*partition, *(order.expressions if order else ())])
        keys = [one for one in partition if isinstance(one, exp.Column)]
        value = self._seen(keys).value(node.this)
        same = [found for key in keys if (found := self.value(key).same) is not None]
        origins = set()
        for one in value.origins:
            names = frozenset(key.column for key in same if (key.node, key.reading) == (one.node, one.reading))
            origins.add(replace(one, by=names if one.by is None else names & one.by))
        return Value(frozenset(origins) | by.origins, None)

    def _seen(self, keys: Sequence[exp.Column]) -> Expressions:
        """Return the same for the rows that a window sees: of all branches, unless its partition keeps them apart."""
        if not self.peers:
            return self
        own = replace(self, environment=self.peers[self.own])
        said = [(key, literals) for key in keys if (literals := own.value(key).literals) is not None]
        seen = [there for peer in self.peers if (there := _where_equal(replace(self, environment=peer), said))]
        names = self.peers[0]
        merged = {name: as_one([there.environment[name] for there in seen]) for name in names} if seen else {}
        return seen[0] if len(seen) == 1 else replace(self, environment=merged)

    def _filter(self, node: exp.Filter) -> Value:
        condition = node.expression.this
        there = self.where(condition)
        return self._decided([there.value(node.this)] if there else [], [condition])

    def _argmax(self, node: exp.Expr) -> Value:
        return together([self.value(node.this).converted(), self.derived([node.expression])])

    def _query(self, node: exp.Expr) -> Value:
        inner = node.unnest() if isinstance(node, exp.Subquery) else node
        branches = self.reader.query(inner, self)
        firsts = [next(iter(branch.columns.values()), Value()) for branch in branches]
        return together(firsts)

    def _exists(self, node: exp.Exists) -> Value:
        return self._query(node.this).at_least(How.DERIVED)

    def _object(self, node: exp.Expr) -> Value:
        fields = pairs(node)
        if fields is None:
            return self._function(node, plain=True)
        parts = []
        for name, content in fields:
            value = self.value(content)
            parts.append(frozenset(replace(one, key=name, takes=one.takes or None) for one in value.origins))
        return Value(frozenset[Origin]().union(*parts), None)

    def _json_read(self, node: exp.Expr) -> Value:
        value, names = self.value(node.this), node.expression
        if isinstance(names, exp.Array):  # several fields at once, as a list
            parts = [
                frozenset(replace(one, key=place_in_list(number)) for one in taken(value.origins, name))
                if (name := field_of(part)) is not None
                else value.converted().origins
                for number, part in enumerate(names.expressions)
            ]
            return Value(frozenset[Origin]().union(*parts), None)
        name = field_of(names)
        return value.converted() if name is None else Value(taken(value.origins, name), None)

    def _bracket(self, node: exp.Bracket) -> Value:
        value, part = self.value(node.this), node.expressions[0]
        if isinstance(part, exp.Literal):
            return Value(taken(value.origins, part.name if part.is_string else place_in_list(int(part.name))), None)
        return value.converted()

    def _lambda(self, node: exp.Lambda) -> Value:
        names = frozenset(parameter.name.lower() for parameter in node.expressions)
        return replace(self, parameters=self.parameters | names).value(node.this)

    def _named(self, node: exp.Expr) -> Value:
        return self.value(node.expression)

    def _function(self, node: exp.Expr, *, plain: bool = False) -> Value:
        name = node.name.lower() if isinstance(node, exp.Anonymous) else ""
        if name in _OBJECTS and not plain:
            return self._object(node)
        parts = [self.value(part) for part in children(node)]
        if isinstance(node, HASHES) or name in _HASH_NAMES:
            return together(parts).at_least(How.HASHED)
        if name in _AS_JSON and len(parts) == 1:
            return parts[0]
        if isinstance(node, _COUNTS):
            return together(parts).at_least(How.DERIVED)
        return together(parts).converted()


#: How each kind of expression is followed; the first that fits. Of all else, a value may come from any part.
_KINDS: Sequence[tuple[tuple[type[exp.Expr], ...], Callable[..., Value]]] = (
    ((exp.Column,), Expressions._column),
    (_WRAPPERS, lambda self, node: self.value(node.this) if node.this else self._function(node)),
    ((exp.Case,), Expressions._case),
    ((exp.If,), Expressions._if),
    ((exp.Cast,), Expressions._cast),
    ((exp.Coalesce,), Expressions._coalesce),
    ((exp.Nullif,), Expressions._nullif),
    ((exp.Exists,), Expressions._exists),
    (_TESTS, lambda self, node: self.derived(children(node))),
    ((exp.Window,), Expressions._window),
    ((exp.Filter,), Expressions._filter),
    ((exp.ArgMax, exp.ArgMin), Expressions._argmax),
    ((exp.Subquery, exp.Query), Expressions._query),
    ((exp.JSONObject, exp.Struct), Expressions._object),
    (_JSON_READERS, Expressions._json_read),
    ((exp.Bracket,), Expressions._bracket),
    ((exp.ParseJSON,), lambda self, node: self.value(node.this)),
    ((exp.Lambda,), Expressions._lambda),
    ((exp.Kwarg, exp.PropertyEQ), Expressions._named),
)


def _where_equal(here: Expressions, said: Iterable[tuple[exp.Column, frozenset[str]]]) -> Expressions | None:
    environment = dict(here.environment)
    for column, allowed in said:
        name = here._relation(column)
        if name is None:
            continue
        less = narrowed(environment[name], column.name.lower(), allowed)
        if less is None:
            return None
        environment[name] = less
    return replace(here, environment=environment)


def as_whole(branch: Branch) -> Value:
    """Return a whole row as one value."""
    return together(as_one([branch]).columns.values()).converted()
